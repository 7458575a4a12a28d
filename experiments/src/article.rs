//! A text with tables and figures, as a page, as Markdown, and each table and figure in a file of its own.

use std::fs;
use std::path::{Path, PathBuf};

use rcml_eval::{CaseStudy, Figure, Page, ResultTable};

use crate::failure::{Failure, Result};
use crate::method::slug;

/// Written from the top down; files of tables and figures appear at once, page and Markdown at the end.
pub(crate) struct Article {
    page: Page,
    markdown: String,
    out: PathBuf,
}

impl Article {
    pub(crate) fn new(title: &str, out: &Path) -> Result<Self> {
        for folder in [out.join("tables"), out.join("figures")] {
            // What an earlier call left may be of other cells.
            if folder.is_dir() {
                fs::remove_dir_all(&folder).map_err(|error| Failure::file(&folder, error))?;
            }
            fs::create_dir_all(&folder).map_err(|error| Failure::file(&folder, error))?;
        }
        Ok(Self { page: Page::new(title), markdown: format!("# {title}\n"), out: out.into() })
    }

    pub(crate) fn facts(&mut self, facts: &[(&str, String)]) {
        self.page.facts(facts);
        self.markdown.push('\n');
        facts.iter().for_each(|(name, fact)| self.markdown.push_str(&format!("- {name}: {fact}\n")));
    }

    pub(crate) fn heading(&mut self, text: &str) {
        self.page.heading(text);
        self.markdown.push_str(&format!("\n## {text}\n"));
    }

    pub(crate) fn paragraph(&mut self, text: &str) {
        self.page.paragraph(text);
        self.markdown.push_str(&format!("\n{text}\n"));
    }

    pub(crate) fn table(&mut self, table: &ResultTable) -> Result<()> {
        self.page.table(table);
        self.markdown.push_str(&format!("\n**{}**\n\n{}", table.title, table.markdown()));
        let path = self.out.join("tables").join(slug(&table.title));
        self.save(&with_ending(&path, "csv"), &table.csv())?;
        self.save(&with_ending(&path, "tex"), &table.latex())
    }

    /// Side by side on the page; PNG and SVG files.
    pub(crate) fn figures<F: Figure>(&mut self, figures: &[F]) -> Result<()> {
        self.page.figures(figures)?;
        for figure in figures.iter().filter(|figure| !figure.is_empty()) {
            let path = self.out.join("figures").join(figure.slug());
            figure.png(with_ending(&path, "png"))?;
            self.save(&with_ending(&path, "svg"), &figure.svg()?)?;
            self.markdown.push_str(&format!("\n![{}](figures/{}.png)\n", figure.title(), figure.slug()));
        }
        Ok(())
    }

    /// On the page alone, where the pictures are.
    pub(crate) fn cases(&mut self, cases: &[CaseStudy]) {
        self.page.cases(cases);
        self.markdown.push_str("\nThe pictures are in report.html.\n");
    }

    /// The page's path.
    pub(crate) fn finish(self) -> Result<PathBuf> {
        self.save(&self.out.join("tables.md"), &self.markdown)?;
        let page = self.out.join("report.html");
        self.save(&page, &self.page.html())?;
        Ok(page)
    }

    fn save(&self, path: &Path, text: &str) -> Result<()> {
        rcml_data::write_whole(path, |part| fs::write(part, text)).map_err(|error| Failure::file(path, error))
    }
}

/// The ending behind the name, which may have dots of its own.
fn with_ending(path: &Path, ending: &str) -> PathBuf {
    let mut name = path.as_os_str().to_os_string();
    name.push(".");
    name.push(ending);
    name.into()
}

#[cfg(test)]
mod tests {
    use rcml_eval::{Bar, Bars};

    use super::*;

    #[test]
    fn tables_and_figures_are_files_as_well() {
        let out = tempfile::tempdir().unwrap();
        let table = ResultTable {
            title: "d: beta 0.3".into(),
            header: vec!["method".into(), "MRR".into()],
            rows: vec![vec!["rcml".into(), "50.0".into()]],
            larger_is_better: vec![true],
        };
        let bar = Bar { name: "rcml".into(), value: 50.0, spread: None, is_reference: true };
        let bars = Bars { title: "Parts".into(), x: "MRR".into(), bars: vec![bar] };
        let mut article = Article::new("T", out.path()).unwrap();
        article.heading("Results");
        article.table(&table).unwrap();
        article.figures(&[bars]).unwrap();
        let page = article.finish().unwrap();
        assert!(fs::read_to_string(page).unwrap().contains("<svg"));
        for file in ["tables/d-beta-0.3.csv", "tables/d-beta-0.3.tex", "figures/parts.png", "figures/parts.svg"] {
            assert!(out.path().join(file).is_file(), "{file}");
        }
        let text = fs::read_to_string(out.path().join("tables.md")).unwrap();
        assert!(
            text.contains("## Results") && text.contains("| rcml | 50.0 |") && text.contains("](figures/parts.png)"),
            "{text}"
        );
    }
}
