//! The tables that people read.

use rcml_eval::{Column, EvalReport, EvalSet, ResultTable};

/// Reports as tables show them.
pub(super) struct Shown {
    reports: Vec<EvalReport>,
    /// Whether a run of other data is among the methods, and one of this data.
    visitors: bool,
    own: bool,
}

/// Groups of relations by what is new about them. A relation that one method was trained on may be new to another.
const BY_NOVELTY: [&str; 3] = ["seen", "unseen", "unseen:known-items"];

impl Shown {
    /// For methods that were trained on other data where `visits` says so.
    pub(super) fn new(visits: &[bool]) -> Self {
        let (visitors, own) = (visits.contains(&true), visits.contains(&false));
        Self { reports: Vec::new(), visitors, own }
    }

    /// Adds a report. Beside runs of this data, a method that other relations are new to (`differs`) has no place in the columns of
    /// seen and unseen relations, which are other queries for it.
    pub(super) fn add(&mut self, report: &EvalReport, differs: bool) {
        let mut report = report.clone();
        if differs && self.own {
            report.results.retain(|row| !BY_NOVELTY.contains(&row.relations.as_str()));
        }
        self.reports.push(report);
    }

    /// Groups of relations that a task is shown in: those that it has, and all relations together where nothing else is the same
    /// for all methods.
    fn groups(&self, task: &str) -> Vec<&'static str> {
        let mut groups = vec!["seen", "unseen"];
        groups.retain(|group| !asked(&self.reports, task, |row| row.relations == *group).is_empty());
        if self.visitors || groups.is_empty() {
            groups.insert(0, "all");
        }
        groups
    }

    /// The group of a table that shows one alone.
    fn group(&self, task: &str) -> &'static str {
        self.groups(task).first().copied().unwrap_or("all")
    }

    /// How many candidates the sampled protocol of a task has, or `full`.
    fn protocol(&self, task: &str) -> &str {
        let rows = self.reports.iter().flat_map(|report| &report.results).filter(|row| row.task == task);
        let mut protocols = rows.map(|row| row.protocol.as_str());
        protocols.find(|protocol| protocol.ends_with("-way")).unwrap_or("full")
    }

    /// Result tables, the headline first; those without numbers are left out.
    pub(super) fn tables(&self, set: &EvalSet<'_>) -> Vec<ResultTable> {
        let reports = self.reports.as_slice();
        let split = format!("{:?}", set.split()).to_lowercase();
        let title = format!("{}, {split} split, view AVG", set.dataset().name());
        let (group, sampled) = (self.group("retrieval"), self.protocol("retrieval"));
        let of = |title: &str, columns: Vec<Column>| ResultTable::new(title, reports, &columns);
        let mut tables = vec![
            of(&title, Column::headline_of(&self.groups("retrieval"))),
            of(&format!("Hit@5, {sampled}, {group} relations, by view"), by_view(reports, group, sampled)),
            of("Hit@5 over the full corpus, by group of relations", by_group(reports)),
            of("What is new to the model: MRR over the full corpus, view AVG", by_novelty(reports)),
            of(
                "Two relations at once, in words that no relation has: MRR over the full corpus, view AVG",
                composed(reports),
            ),
            of("The same item across modalities, full corpus", crossmodal(reports)),
            of("Which relation holds between two items, view AVG", self.relation_type()),
            of(
                &format!("Does the relation hold between two items, {} relations, view AVG", self.group("validity")),
                validity(self.group("validity")),
            ),
            of("Labels of items under no relation", classification(reports)),
        ];
        let mut shape = of("The shape of the embedding, and how much a relation leaves of it", geometry(reports));
        // A shape is neither good nor bad.
        shape.larger_is_better.clear();
        tables.push(shape);
        tables.into_iter().filter(|table| table.header.len() > 1).collect()
    }

    /// What methods are compared in.
    pub(super) fn compared(&self) -> Vec<Column> {
        let headline = Column::headline_of(&self.groups("retrieval")).into_iter();
        let mut columns: Vec<Column> = headline.filter(|column| !column.metric.starts_with("macro-")).collect();
        let (group, protocol) = (self.group("type"), self.protocol("type"));
        columns.extend(["top-1", "top-3"].map(|metric| column("", "type", protocol, group, "AVG", metric)));
        let group = self.group("validity");
        columns
            .extend(["similarity", "mlp"].map(|protocol| column("", "validity", protocol, group, "AVG", "accuracy")));
        columns.extend(
            ["knn", "linear"].map(|protocol| column("", "classification", protocol, "none", "AVG", "accuracy")),
        );
        columns
    }

    fn relation_type(&self) -> Vec<Column> {
        let protocol = self.protocol("type");
        let of = |relations: &'static str| {
            ["top-1", "top-3", "mrr"]
                .map(|metric| column(&format!("{relations}: {metric}"), "type", protocol, relations, "AVG", metric))
        };
        self.groups("type").into_iter().flat_map(of).collect()
    }
}

/// The tables one below the other; the first, which says what it is where it stands, without a title.
pub(super) fn markdown(tables: &[ResultTable]) -> String {
    let table = |(number, table): (usize, &ResultTable)| {
        if number == 0 { table.markdown() } else { format!("**{}**\n\n{}", table.title, table.markdown()) }
    };
    tables.iter().enumerate().map(table).collect::<Vec<_>>().join("\n")
}

/// The views of the paper first, then those of other modalities.
fn by_view(reports: &[EvalReport], group: &str, protocol: &str) -> Vec<Column> {
    let mut views = vec!["TT", "II", "TI", "IT"];
    let found =
        asked(reports, "retrieval", |row| !["AVG", "plain"].contains(&row.view.as_str()) && row.protocol == protocol);
    for [_, _, view, _] in found {
        if !views.contains(&view) {
            views.push(view);
        }
    }
    views.extend(["AVG", "plain"]);
    views.into_iter().map(|view| Column::retrieval(view, protocol, group, view, "hit@5")).collect()
}

fn by_group(reports: &[EvalReport]) -> Vec<Column> {
    let mut groups: Vec<&str> = Vec::new();
    for row in reports.iter().flat_map(|report| &report.results).filter(|row| row.task == "retrieval") {
        let name = row.relations.as_str();
        let is_group = name.starts_with("family:") || name == "lexical" || name == "not-lexical";
        if is_group && !groups.contains(&name) {
            groups.push(name);
        }
    }
    let title = |group: &str| group.strip_prefix("family:").unwrap_or(group).to_string();
    groups.into_iter().map(|group| Column::retrieval(&title(group), "full", group, "AVG", "hit@5")).collect()
}

/// Nothing where no relation is unseen: the headline says it all.
fn by_novelty(reports: &[EvalReport]) -> Vec<Column> {
    let any = reports.iter().flat_map(|report| &report.results).any(|row| row.relations.starts_with("unseen"));
    let groups = [
        ("items", "seen"),
        ("relation", "unseen:known-items"),
        ("items and relation", "unseen"),
        ("all queries on new items", "all"),
    ];
    let column = |(title, group): (&str, &str)| Column::retrieval(title, "full", group, "AVG", "mrr");
    groups.into_iter().filter(|_| any).map(column).collect()
}

fn composed(reports: &[EvalReport]) -> Vec<Column> {
    let titles = [
        ("one text for both", "words"),
        ("mean of two scores", "sum"),
        ("item's vector + text's", "added"),
        ("first relation alone", "first-half"),
    ];
    let has = reports.iter().flat_map(|report| &report.results).any(|row| row.task == "composed");
    let column = |(title, protocol): (&str, &str)| column(title, "composed", protocol, "all", "AVG", "mrr");
    titles.into_iter().filter(|_| has).map(column).collect()
}

/// Recall and MRR of a pair of modalities; of several pairs MRR alone, for the width of the table.
fn crossmodal(reports: &[EvalReport]) -> Vec<Column> {
    let found = asked(reports, "crossmodal", |row| row.metric == "mrr");
    let metrics: &[&str] = if found.len() > 2 { &["mrr"] } else { &["recall@1", "recall@5", "mrr"] };
    let of = |[protocol, relations, view, _]: [&str; 4]| {
        let titled =
            |metric: &&str| column(&format!("{view}: {metric}"), "crossmodal", protocol, relations, view, metric);
        metrics.iter().map(titled).collect::<Vec<_>>()
    };
    found.into_iter().flat_map(of).collect()
}

fn column(title: &str, task: &str, protocol: &str, relations: &str, view: &str, metric: &str) -> Column {
    let [title, task, protocol, relations, view, metric] =
        [title, task, protocol, relations, view, metric].map(String::from);
    Column { title, task, protocol, relations, view, metric }
}

fn validity(group: &str) -> Vec<Column> {
    let of = |protocol: &'static str| {
        ["accuracy", "auroc", "auroc-hard", "ece"]
            .map(|metric| column(&format!("{protocol}: {metric}"), "validity", protocol, group, "AVG", metric))
    };
    ["similarity", "linear", "mlp"].into_iter().flat_map(of).collect()
}

/// (protocol, relations, view, metric) of the rows of a task that `kept` lets through, in their order.
fn asked<'a>(reports: &'a [EvalReport], task: &str, kept: impl Fn(&rcml_eval::ResultRow) -> bool) -> Vec<[&'a str; 4]> {
    let mut found: Vec<[&str; 4]> = Vec::new();
    for row in reports.iter().flat_map(|report| &report.results).filter(|row| row.task == task && kept(row)) {
        let key = [row.protocol.as_str(), &row.relations, &row.view, &row.metric];
        if !found.contains(&key) {
            found.push(key);
        }
    }
    found
}

fn classification(reports: &[EvalReport]) -> Vec<Column> {
    let found = asked(reports, "classification", |row| row.metric == "accuracy");
    let of = |[protocol, relations, view, metric]: [&str; 4]| {
        column(&format!("{protocol} {view}: {metric}"), "classification", protocol, relations, view, metric)
    };
    found.into_iter().map(of).collect()
}

fn geometry(reports: &[EvalReport]) -> Vec<Column> {
    let found = asked(reports, "geometry", |row| row.relations == "none" || row.relations == "all");
    let of = |[protocol, relations, view, metric]: [&str; 4]| {
        let title = if relations == "all" { "under a relation" } else { view };
        column(&format!("{title}: {metric}"), "geometry", protocol, relations, view, metric)
    };
    found.into_iter().map(of).collect()
}

#[cfg(test)]
mod tests {
    use rcml_data::{Dataset, Edge, Item, Relation, Split, Splits};
    use rcml_eval::ResultRow;

    use super::*;

    fn report(method: &str, rows: &[(&str, &str, &str, &str)]) -> EvalReport {
        let row = |(task, protocol, relations, metric): &(&str, &str, &str, &str)| ResultRow {
            task: (*task).into(),
            protocol: (*protocol).into(),
            relations: (*relations).into(),
            view: "AVG".into(),
            metric: (*metric).into(),
            value: 0.5,
            queries: 60,
            chance: 0.25,
        };
        EvalReport {
            dataset: "d".into(),
            split: Split::Test,
            seed: 0,
            method: method.into(),
            results: rows.iter().map(row).collect(),
            notes: vec![],
            queries: vec![],
        }
    }

    fn tables(shown: &Shown) -> Vec<ResultTable> {
        let dataset = Dataset {
            items: vec![Item::new("a").text("x"), Item::new("b").text("y")],
            relations: vec![Relation::new("r", "relates")],
            edges: vec![Edge::new(0, 0, 1)],
            ..Dataset::default()
        };
        let splits =
            Splits { items: vec![Split::Test; 2], relations: vec![Split::Train], edges: vec![Some(Split::Test)] };
        shown.tables(&EvalSet::new(&dataset, &splits, Split::Test).unwrap())
    }

    const ROWS: [(&str, &str, &str, &str); 8] = [
        ("retrieval", "21-way", "seen", "hit@5"),
        ("retrieval", "21-way", "unseen", "hit@5"),
        ("retrieval", "21-way", "all", "hit@5"),
        ("type", "100-way", "seen", "top-1"),
        ("type", "100-way", "all", "top-1"),
        ("validity", "mlp", "unseen", "accuracy"),
        ("validity", "mlp", "all", "accuracy"),
        ("geometry", "full", "none", "cka"),
    ];

    #[test]
    fn groups_and_protocols_are_those_that_there_are() {
        let mut shown = Shown::new(&[false]);
        shown.add(&report("ours", &ROWS), false);
        shown.add(&report("frozen", &ROWS), false);
        let tables = tables(&shown);
        let text: String = tables.iter().map(ResultTable::text).collect();
        assert_eq!(tables[0].header, ["method", "seen: Hit@5, 21-way", "unseen: Hit@5, 21-way"]);
        assert!(text.contains("Hit@5, 21-way, seen relations, by view") && !text.contains("all"), "{text}");
        assert!(tables.iter().any(|table| table.header.contains(&"seen: top-1".into())), "{text}");
        let validity = tables.iter().find(|table| table.title.contains("unseen relations")).unwrap();
        assert_eq!(validity.header, ["method", "mlp: accuracy"]);
        assert!(tables.iter().all(|table| table.best().iter().all(Option::is_some)));
        assert!(tables.last().unwrap().title.contains("shape") && tables.last().unwrap().best().is_empty());
        assert!(shown.compared().iter().any(|column| column.protocol == "100-way" && column.relations == "seen"));
    }

    #[test]
    fn visitors_are_compared_under_all_relations() {
        let mut shown = Shown::new(&[false, true]);
        shown.add(&report("ours", &ROWS), false);
        shown.add(&report("ours (of other)", &ROWS), true);
        let tables = tables(&shown);
        assert_eq!(tables[0].header[1..], ["all: Hit@5, 21-way", "seen: Hit@5, 21-way", "unseen: Hit@5, 21-way"]);
        assert_eq!(tables[0].rows[1], ["ours (of other)", "50.0", "-", "-"]);
        assert!(tables[1].title.contains("all relations"), "{}", tables[1].title);
        // Alone, it is shown as it is.
        let mut shown = Shown::new(&[true]);
        shown.add(&report("ours (of other)", &ROWS), true);
        assert_eq!(self::tables(&shown)[0].rows[0], ["ours (of other)", "50.0", "50.0", "50.0"]);
    }
}
