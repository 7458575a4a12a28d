//! What the tables of the report show.

use rcml_eval::Column;

fn column(title: &str, row: [&str; 5]) -> Column {
    let [task, protocol, relations, view, metric] = row.map(String::from);
    Column { title: title.into(), task, protocol, relations, view, metric }
}

/// The headline of a dataset: the paper's protocol, then the whole corpus; relations that training saw, then others.
pub(crate) fn headline() -> Vec<Column> {
    [
        ("Hit@5 21-way", ["retrieval", "21-way", "seen", "AVG", "hit@5"]),
        ("Hit@5 21-way, mean over relations", ["retrieval", "21-way", "seen", "AVG", "macro-hit@5"]),
        ("Hit@5 full corpus", ["retrieval", "full", "seen", "AVG", "hit@5"]),
        ("MRR full corpus", ["retrieval", "full", "seen", "AVG", "mrr"]),
        ("MRR full, mean over relations", ["retrieval", "full", "seen", "AVG", "macro-mrr"]),
        ("mean rank", ["retrieval", "full", "seen", "AVG", "mean-rank"]),
        ("unseen relations: Hit@5 21-way", ["retrieval", "21-way", "unseen", "AVG", "hit@5"]),
        ("unseen relations: MRR full", ["retrieval", "full", "unseen", "AVG", "mrr"]),
        ("relation type Top-1", ["type", "full", "seen", "AVG", "top-1"]),
        ("relation type Top-3", ["type", "full", "seen", "AVG", "top-3"]),
        ("relation type Top-1 of 20", ["type", "20-way", "seen", "AVG", "top-1"]),
        ("relation type Top-3 of 20", ["type", "20-way", "seen", "AVG", "top-3"]),
        ("validity AUROC, score", ["validity", "similarity", "seen", "AVG", "auroc"]),
        ("validity AUROC, MLP", ["validity", "mlp", "seen", "AVG", "auroc"]),
    ]
    .map(|(title, row)| column(title, row))
    .into()
}

pub(crate) fn views() -> Vec<Column> {
    ["TT", "II", "TI", "IT", "AVG", "plain"]
        .map(|view| column(view, ["retrieval", "21-way", "seen", view, "hit@5"]))
        .into()
}

pub(crate) fn novelty() -> Vec<Column> {
    [
        ("new items", ["retrieval", "full", "seen", "AVG", "mrr"]),
        ("new relation, known items", ["retrieval", "full", "unseen:known-items", "AVG", "mrr"]),
        ("both new", ["retrieval", "full", "unseen", "AVG", "mrr"]),
    ]
    .map(|(title, row)| column(title, row))
    .into()
}

pub(crate) fn composed() -> Vec<Column> {
    [
        ("one text for both", "words"),
        ("mean of two scores", "sum"),
        ("item's vector + text's", "added"),
        ("first relation alone", "first-half"),
    ]
    .map(|(title, protocol)| column(title, ["composed", protocol, "all", "AVG", "mrr"]))
    .into()
}

/// What is left of the encoders' plain abilities.
pub(crate) fn kept() -> Vec<Column> {
    [
        ("text to image R@1", ["crossmodal", "full", "same-item", "TI", "recall@1"]),
        ("text to image R@5", ["crossmodal", "full", "same-item", "TI", "recall@5"]),
        ("image to text R@1", ["crossmodal", "full", "same-item", "IT", "recall@1"]),
        ("image to text R@5", ["crossmodal", "full", "same-item", "IT", "recall@5"]),
        ("labels, zero-shot", ["classification", "zero-shot", "none", "AVG", "accuracy"]),
        ("labels, nearest neighbours", ["classification", "knn", "none", "AVG", "accuracy"]),
        ("labels, linear probe", ["classification", "linear", "none", "AVG", "accuracy"]),
        ("linear probe, pictures alone", ["classification", "linear", "none", "II", "accuracy"]),
    ]
    .map(|(title, row)| column(title, row))
    .into()
}

pub(crate) fn ablation() -> Vec<Column> {
    [
        ("Hit@5 21-way", ["retrieval", "21-way", "seen", "AVG", "hit@5"]),
        ("MRR full corpus", ["retrieval", "full", "seen", "AVG", "mrr"]),
        ("TT", ["retrieval", "full", "seen", "TT", "mrr"]),
        ("II", ["retrieval", "full", "seen", "II", "mrr"]),
        ("TI", ["retrieval", "full", "seen", "TI", "mrr"]),
        ("IT", ["retrieval", "full", "seen", "IT", "mrr"]),
        ("unseen: MRR full", ["retrieval", "full", "unseen", "AVG", "mrr"]),
        ("text to image R@5", ["crossmodal", "full", "same-item", "TI", "recall@5"]),
    ]
    .map(|(title, row)| column(title, row))
    .into()
}

/// Out of domain nothing is seen: all queries together.
pub(crate) fn elsewhere() -> Vec<Column> {
    [
        ("Hit@5 21-way", ["retrieval", "21-way", "all", "AVG", "hit@5"]),
        ("Hit@5 full corpus", ["retrieval", "full", "all", "AVG", "hit@5"]),
        ("MRR full corpus", ["retrieval", "full", "all", "AVG", "mrr"]),
    ]
    .map(|(title, row)| column(title, row))
    .into()
}

/// What methods are compared in, with intervals and p values.
pub(crate) fn compared() -> Vec<Column> {
    [
        ["retrieval", "21-way", "seen", "AVG", "hit@5"],
        ["retrieval", "full", "seen", "AVG", "mrr"],
        ["retrieval", "full", "unseen", "AVG", "mrr"],
    ]
    .map(|row| column("", row))
    .into()
}
