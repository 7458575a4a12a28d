//! Everything about a run on one page.

use std::path::{Path, PathBuf};

use rcml_data::write_whole;

use super::{CaseStudy, Curve, Figure, Page, ResultTable};
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
        let mut page = Page::new(&self.title);
        page.facts(&self.facts);
        if !self.tables.is_empty() {
            page.heading("Results");
            self.tables.iter().for_each(|table| {
                page.table(table);
            });
        }
        page.notes(&self.notes);
        if !self.case_studies.is_empty() {
            page.heading("Case studies").cases(&self.case_studies);
        }
        if self.curves.iter().any(|curve| !curve.is_empty()) {
            page.heading("Curves").figures(&self.curves)?;
        }
        Ok(page.html())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Answer, CaseItem, Series};

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
                    vec!["(queries)".into(), "120".into()],
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
