//! The tables that people read.

use rcml_eval::{Column, EvalReport, EvalSet, ResultTable};

/// Result tables, the headline first; those without numbers are left out.
pub(super) fn tables(reports: &[EvalReport], set: &EvalSet<'_>) -> Vec<ResultTable> {
    let split = format!("{:?}", set.split()).to_lowercase();
    let title = format!("{}, {split} split, view AVG", set.dataset().name());
    let of = |title: &str, columns: Vec<Column>| ResultTable::new(title, reports, &columns);
    let tables = [
        of(&title, Column::headline()),
        of("Hit@5, 21-way, seen relations, by view", by_view(reports)),
        of("Hit@5 over the full corpus, by group of relations", by_group(reports)),
        of("What is new to the model: MRR over the full corpus, view AVG", by_novelty(reports)),
        of(
            "Two relations at once, in words that no relation has: MRR over the full corpus, view AVG",
            composed(reports),
        ),
        of("The same item across modalities, full corpus", crossmodal(reports)),
        of("Which relation holds between two items, view AVG", relation_type(reports)),
        of("Does the relation hold between two items, view AVG", validity()),
        of("Labels of items under no relation", classification(reports)),
        of("The shape of the embedding, and how much a relation leaves of it", geometry(reports)),
    ];
    tables.into_iter().filter(|table| table.header.len() > 1).collect()
}

/// What methods are compared in.
pub(super) fn compared() -> Vec<Column> {
    let mut columns: Vec<Column> =
        Column::headline().into_iter().filter(|column| !column.metric.starts_with("macro-")).collect();
    columns.extend(["top-1", "top-3"].map(|metric| column("", "type", "full", "seen", "AVG", metric)));
    columns.extend(["similarity", "mlp"].map(|protocol| column("", "validity", protocol, "seen", "AVG", "accuracy")));
    columns.extend(["knn", "linear"].map(|protocol| column("", "classification", protocol, "none", "AVG", "accuracy")));
    columns
}

/// The tables one below the other; the first, which says what it is where it stands, without a title.
pub(super) fn markdown(tables: &[ResultTable]) -> String {
    let table = |(number, table): (usize, &ResultTable)| {
        if number == 0 { table.markdown() } else { format!("**{}**\n\n{}", table.title, table.markdown()) }
    };
    tables.iter().enumerate().map(table).collect::<Vec<_>>().join("\n")
}

/// The views of the paper first, then those of other modalities.
fn by_view(reports: &[EvalReport]) -> Vec<Column> {
    let mut views = vec!["TT", "II", "TI", "IT"];
    let found =
        asked(reports, "retrieval", |row| !["AVG", "plain"].contains(&row.view.as_str()) && row.protocol == "21-way");
    for [_, _, view, _] in found {
        if !views.contains(&view) {
            views.push(view);
        }
    }
    views.extend(["AVG", "plain"]);
    views.into_iter().map(|view| Column::retrieval(view, "21-way", "seen", view, "hit@5")).collect()
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

fn relation_type(reports: &[EvalReport]) -> Vec<Column> {
    let row = reports.iter().flat_map(|report| &report.results).find(|row| row.task == "type");
    let protocol = row.map_or("full", |row| row.protocol.as_str());
    let of = |relations: &str| {
        ["top-1", "top-3", "mrr"]
            .map(|metric| column(&format!("{relations}: {metric}"), "type", protocol, relations, "AVG", metric))
    };
    ["seen", "unseen"].into_iter().flat_map(of).collect()
}

fn column(title: &str, task: &str, protocol: &str, relations: &str, view: &str, metric: &str) -> Column {
    let [title, task, protocol, relations, view, metric] =
        [title, task, protocol, relations, view, metric].map(String::from);
    Column { title, task, protocol, relations, view, metric }
}

fn validity() -> Vec<Column> {
    let of = |protocol: &'static str| {
        ["accuracy", "auroc", "auroc-hard", "ece"]
            .map(|metric| column(&format!("{protocol}: {metric}"), "validity", protocol, "seen", "AVG", metric))
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
