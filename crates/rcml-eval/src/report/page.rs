//! One page with everything about a run, that opens anywhere and asks nobody for anything.

use std::fmt::Write;
use std::path::{Path, PathBuf};

use rcml_data::write_whole;

use super::{CaseItem, CaseStudy, Curve, ResultTable};
use crate::{Error, Result};

/// What a report shows.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct ReportData {
    /// Heading.
    pub title: String,
    /// Facts under the heading: dataset, split, seed, time, how to make this report again.
    pub facts: Vec<(String, String)>,
    /// Results.
    pub tables: Vec<ResultTable>,
    /// Curves of the training.
    pub curves: Vec<Curve>,
    /// Queries with their answers; those of one item in a row stand together.
    pub case_studies: Vec<CaseStudy>,
    /// What a reader of the numbers must know.
    pub notes: Vec<String>,
}

impl ReportData {
    /// Writes `report.html` and one PNG per curve into a folder, which is made where it is missing. Returns the page's
    /// path.
    ///
    /// # Errors
    /// The file system's.
    pub fn write(&self, folder: impl AsRef<Path>) -> Result<PathBuf> {
        let folder = folder.as_ref();
        std::fs::create_dir_all(folder).map_err(|e| Error::io(folder, e))?;
        for curve in &self.curves {
            curve.png(folder.join(format!("{}.png", curve.slug())))?;
        }
        let page = folder.join("report.html");
        let html = self.html()?;
        write_whole(&page, |part| std::fs::write(part, html)).map_err(|e| Error::io(&page, e))?;
        Ok(page)
    }

    /// The page.
    ///
    /// # Errors
    /// A curve that cannot be drawn.
    pub fn html(&self) -> Result<String> {
        let title = escape(&self.title);
        let mut out = format!(
            "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"><title>{title}</title>\n\
             <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n<style>{STYLE}</style></head>\n\
             <body><main>\n<h1>{title}</h1>\n"
        );
        if !self.facts.is_empty() {
            let facts = self.facts.iter().map(|(k, v)| format!("<dt>{}</dt><dd>{}</dd>", escape(k), escape(v)));
            let _ = writeln!(out, "<dl>{}</dl>", facts.collect::<String>());
        }
        if !self.tables.is_empty() {
            out.push_str("<h2>Results</h2>\n");
            self.tables.iter().for_each(|t| push_table(&mut out, t));
        }
        if !self.notes.is_empty() {
            let notes = self.notes.iter().map(|n| format!("<li>{}</li>", escape(n)));
            let _ = writeln!(out, "<ul class=\"notes\">{}</ul>", notes.collect::<String>());
        }
        if !self.case_studies.is_empty() {
            out.push_str(
                "<h2>Case studies</h2>\n<p>The same item under different relations. <b class=\"yes\">✓</b> marks answers that \
                 the relation graph knows; the others may be right as well, or not.</p>\n",
            );
            for group in self.case_studies.chunk_by(|a, b| a.query.id == b.query.id) {
                push_cases(&mut out, group);
            }
        }
        if self.curves.iter().any(|c| !c.is_empty()) {
            out.push_str("<h2>Curves</h2>\n<div class=\"curves\">\n");
            for curve in self.curves.iter().filter(|c| !c.is_empty()) {
                let _ = writeln!(out, "<figure>{}</figure>", curve.svg()?);
            }
            out.push_str("</div>\n");
        }
        out.push_str("</main></body></html>\n");
        Ok(out)
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
main{max-width:1180px;margin:0 auto;padding:24px 20px 60px}
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Answer, Series};

    fn report() -> ReportData {
        let item = |id: &str| CaseItem { id: id.into(), text: Some(format!("<b>{id}</b> & \"co\"")), picture: None };
        let points = (0..30).map(|i| (f64::from(i), 1.0 / f64::from(i + 1))).collect();
        let case = |relation: &str| CaseStudy {
            query: item("q"),
            relation: relation.into(),
            top: vec![
                Answer { item: item("a"), score: 0.5, correct: true },
                Answer { item: item("b"), score: 0.25, correct: false },
            ],
        };
        ReportData {
            title: "A < B".into(),
            facts: vec![("seed".into(), "0".into())],
            tables: vec![ResultTable {
                title: "T".into(),
                header: vec!["method".into(), "MRR".into()],
                rows: vec![
                    vec!["ours".into(), "50.0 ± 1.0".into()],
                    vec!["theirs".into(), "9.0".into()],
                    vec!["(chance level)".into(), "5.0".into()],
                    vec!["(queries)".into(), "12".into()],
                ],
                larger_is_better: vec![true],
            }],
            curves: vec![Curve {
                title: "loss".into(),
                x: "step".into(),
                series: vec![Series { name: "train".into(), points }],
            }],
            case_studies: vec![case("goes with"), case("same <colour>")],
            notes: vec!["12 queries left out".into()],
        }
    }

    #[test]
    fn the_page_is_self_contained_and_escaped() {
        let html = report().html().unwrap();
        assert!(html.contains("A &lt; B") && html.contains("same &lt;colour&gt;") && !html.contains("<b>q"), "{html}");
        assert!(html.contains("<b>50.0 ± 1.0</b>") && html.contains("viewBox="), "{html}");
        assert_eq!(html.matches("class=\"query\"").count(), 1, "two relations of one item stand together");
        let links = html.matches("http").count() - html.matches("xmlns=\"http://www.w3.org/2000/svg\"").count();
        assert_eq!(links, 0, "no requests to anywhere");
        assert!(!html.contains("<script") && !html.contains("<link"));
    }

    #[test]
    fn a_report_folder_has_the_page_and_its_curves() {
        let folder = tempfile::tempdir().unwrap();
        let page = report().write(folder.path().join("report")).unwrap();
        assert!(page.ends_with("report/report.html") && page.exists());
        assert!(page.with_file_name("loss.png").exists());
        assert_eq!(std::fs::read_dir(page.parent().unwrap()).unwrap().count(), 2);
    }

    #[test]
    fn an_empty_report_is_a_page_as_well() {
        assert!(ReportData::default().html().unwrap().ends_with("</main></body></html>\n"));
    }
}
