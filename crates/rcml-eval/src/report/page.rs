//! One page that opens anywhere and asks nobody for anything.

use std::fmt::Write;

use super::{CaseItem, CaseStudy, Figure, ResultTable};
use crate::Result;

/// A page in the making, from the top down. All words are escaped.
///
/// ```
/// let mut page = rcml_eval::Page::new("Results");
/// page.heading("Retrieval").paragraph("MRR < 1");
/// assert!(page.html().contains("<p>MRR &lt; 1</p>"));
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct Page {
    title: String,
    body: String,
}

impl Page {
    /// A page with a title and nothing below it.
    pub fn new(title: &str) -> Self {
        Self { title: escape(title), body: String::new() }
    }

    /// Names and facts.
    pub fn facts<K: AsRef<str>>(&mut self, facts: &[(K, String)]) -> &mut Self {
        if !facts.is_empty() {
            let facts = facts.iter().map(|(k, v)| format!("<dt>{}</dt><dd>{}</dd>", escape(k.as_ref()), escape(v)));
            let _ = writeln!(self.body, "<dl>{}</dl>", facts.collect::<String>());
        }
        self
    }

    /// A heading of a section.
    pub fn heading(&mut self, text: &str) -> &mut Self {
        let _ = writeln!(self.body, "<h2>{}</h2>", escape(text));
        self
    }

    /// A paragraph.
    pub fn paragraph(&mut self, text: &str) -> &mut Self {
        let _ = writeln!(self.body, "<p>{}</p>", escape(text));
        self
    }

    /// A list of what a reader of the numbers must know.
    pub fn notes(&mut self, notes: &[String]) -> &mut Self {
        if !notes.is_empty() {
            let notes = notes.iter().map(|n| format!("<li>{}</li>", escape(n)));
            let _ = writeln!(self.body, "<ul class=\"notes\">{}</ul>", notes.collect::<String>());
        }
        self
    }

    /// A table under its title, the best of each column in bold.
    pub fn table(&mut self, table: &ResultTable) -> &mut Self {
        push_table(&mut self.body, table);
        self
    }

    /// Figures side by side where there is room; empty ones are left out.
    ///
    /// # Errors
    /// A figure that cannot be drawn.
    pub fn figures<F: Figure>(&mut self, figures: &[F]) -> Result<&mut Self> {
        let drawn: Vec<String> =
            figures.iter().filter(|figure| !figure.is_empty()).map(Figure::svg).collect::<Result<_>>()?;
        if !drawn.is_empty() {
            self.body.push_str("<div class=\"curves\">\n");
            for svg in drawn {
                let _ = writeln!(self.body, "<figure>{svg}</figure>");
            }
            self.body.push_str("</div>\n");
        }
        Ok(self)
    }

    /// Queries with their answers; those of one item in a row stand together.
    pub fn cases(&mut self, cases: &[CaseStudy]) -> &mut Self {
        if !cases.is_empty() {
            self.body.push_str(
                "<p>The same item under different relations. <b class=\"yes\">✓</b> marks answers that the relation graph knows; \
                 the others may be right as well, or not.</p>\n",
            );
        }
        for group in cases.chunk_by(|a, b| a.query.id == b.query.id) {
            push_cases(&mut self.body, group);
        }
        self
    }

    /// The whole page.
    pub fn html(&self) -> String {
        let Self { title, body } = self;
        format!(
            "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"><title>{title}</title>\n\
             <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n<style>{STYLE}</style></head>\n\
             <body><main>\n<h1>{title}</h1>\n{body}</main></body></html>\n"
        )
    }
}

fn push_table(out: &mut String, table: &ResultTable) {
    if !table.title.is_empty() {
        let _ = writeln!(out, "<h3>{}</h3>", escape(&table.title));
    }
    out.push_str("<div class=\"wide\"><table><thead><tr>");
    table.header.iter().for_each(|h| out.push_str(&format!("<th>{}</th>", escape(h))));
    out.push_str("</tr></thead><tbody>\n");
    let best = table.best();
    for (r, row) in table.rows.iter().enumerate() {
        let aside = if row.first().is_some_and(|name| name.starts_with('(')) { " class=\"aside\"" } else { "" };
        let _ = write!(out, "<tr{aside}>");
        for (c, cell) in row.iter().enumerate() {
            let bold = c > 0 && best.get(c - 1) == Some(&Some(r));
            let (open, close) = if bold { ("<b>", "</b>") } else { ("", "") };
            let _ = write!(out, "<td>{open}{}{close}</td>", escape(cell));
        }
        out.push_str("</tr>\n");
    }
    out.push_str("</tbody></table></div>\n");
}

fn push_cases(out: &mut String, cases: &[CaseStudy]) {
    let Some(first) = cases.first() else { return };
    let _ = writeln!(out, "<section class=\"case\"><div class=\"query\">{}</div><div>", card(&first.query, ""));
    for case in cases {
        let _ = writeln!(out, "<h4>{}</h4><div class=\"answers\">", escape(&case.relation));
        for answer in &case.top {
            let (class, mark) = if answer.correct { ("yes", "✓ ") } else { ("no", "") };
            let score = format!("<span class=\"{class}\">{mark}{:.3}</span>", answer.score);
            let _ = write!(out, "<div class=\"answer {class}\">{}</div>", card(&answer.item, &score));
        }
        out.push_str("</div>\n");
    }
    out.push_str("</div></section>\n");
}

fn card(item: &CaseItem, below: &str) -> String {
    let text = item.text.as_deref().unwrap_or(&item.id);
    let picture = match &item.picture {
        Some(url) => format!("<img src=\"{}\" alt=\"{}\">", escape(url), escape(text)),
        None => "<div class=\"blank\">no picture</div>".into(),
    };
    format!("{picture}<p title=\"{}\">{}</p>{below}", escape(&item.id), escape(text))
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

const STYLE: &str = "
:root{color-scheme:light dark;--ground:#fff;--card:#f4f5f7;--ink:#1c1e21;--soft:#5b616a;--line:#d9dce1;--yes:#0b7a4b}
@media(prefers-color-scheme:dark){:root{--ground:#15171b;--card:#1f2228;--ink:#e7e9ec;--soft:#a0a6b0;--line:#363b44;--yes:#4cc38a}}
*{box-sizing:border-box}
body{margin:0;background:var(--ground);color:var(--ink);font:15px/1.5 system-ui,sans-serif}
p{max-width:900px}main{max-width:1180px;margin:0 auto;padding:24px 20px 60px}
h1{font-size:26px;margin:0 0 8px}h2{font-size:20px;margin:36px 0 8px;border-bottom:1px solid var(--line);padding-bottom:4px}
h3{font-size:16px;margin:20px 0 6px}h4{font-size:15px;font-weight:600;margin:10px 0 6px}
dl{display:grid;grid-template-columns:max-content 1fr;gap:2px 16px;margin:0;color:var(--soft)}dd{margin:0;color:var(--ink)}
.wide{overflow-x:auto}table{border-collapse:collapse;font-variant-numeric:tabular-nums}
th,td{padding:5px 12px;text-align:right;border-bottom:1px solid var(--line);white-space:nowrap}
th{white-space:normal;vertical-align:bottom;font-weight:600;max-width:150px}
th:first-child,td:first-child{text-align:left;padding-left:0}.aside td,.notes{color:var(--soft)}.notes{font-size:14px;padding-left:18px}
.case{display:grid;grid-template-columns:150px 1fr;gap:20px;padding:16px 0;border-bottom:1px solid var(--line)}
.query p{font-weight:600}.answers{display:flex;flex-wrap:wrap;gap:10px}
.answer{width:112px;padding:8px;background:var(--card);border:2px solid transparent;border-radius:8px}.answer.yes{border-color:var(--yes)}
.answer span{font-size:12px;color:var(--soft)}.answer span.yes,b.yes{color:var(--yes);font-weight:600}
img,.blank{display:block;width:92px;height:92px;object-fit:contain;margin:0 auto;background:#fff;border-radius:4px}
.query img,.query .blank{width:128px;height:128px;margin:0;border:1px solid var(--line)}
.blank{display:flex;align-items:center;justify-content:center;background:none;border:1px dashed var(--line);color:var(--soft);font-size:12px}
.answer p,.query p{margin:6px 0 0;font-size:13px;line-height:1.3;overflow-wrap:anywhere;display:-webkit-box;-webkit-line-clamp:3;-webkit-box-orient:vertical;overflow:hidden}
.curves{display:grid;grid-template-columns:repeat(auto-fit,minmax(min(100%,480px),1fr));gap:16px}
figure{margin:0;background:var(--card);border-radius:8px;padding:6px}svg{display:block;width:100%;height:auto}
@media(max-width:640px){.case{grid-template-columns:1fr}}
";
