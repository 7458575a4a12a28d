//! Problems as a list that people can read to its end.

use std::collections::HashMap;

use crate::Problem;

/// Problems of one kind that are listed one by one.
const LISTED: usize = 20;

/// A line for each problem, and at the end one for each kind of which there are too many to list.
pub fn list_problems(problems: &[Problem]) -> String {
    let (mut kinds, mut lines): (Vec<(usize, &Problem)>, Vec<String>) = (Vec::new(), Vec::new());
    let mut numbers: HashMap<String, usize> = HashMap::new();
    for problem in problems {
        let number = *numbers.entry(kind(&problem.message)).or_insert_with(|| {
            kinds.push((0, problem));
            kinds.len() - 1
        });
        kinds[number].0 += 1;
        if kinds[number].0 <= LISTED {
            lines.push(problem.to_string());
        }
    }
    for (times, first) in kinds.into_iter().filter(|(times, _)| *times > LISTED) {
        lines.push(format!("... and {} more such as: {}", times - LISTED, first.message));
    }
    lines.join("\n")
}

/// A message without what differs from row to row: what stands in quotes, and numbers.
fn kind(message: &str) -> String {
    let (mut kind, mut chars) = (String::with_capacity(message.len()), message.chars());
    while let Some(c) = chars.next() {
        match c {
            '"' => {
                // A quote behind a backslash ends nothing.
                while chars.next().is_some_and(|c| c != '"') {
                    if chars.as_str().starts_with("\\\"") {
                        chars.next();
                        chars.next();
                    }
                }
                kind.push_str("\"\"");
            }
            '0'..='9' if kind.ends_with('0') => {}
            '0'..='9' => kind.push('0'),
            other => kind.push(other),
        }
    }
    kind
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_one_kind_twenty_are_listed_and_the_rest_is_counted() {
        let missing = |line| Problem::at("a.csv", line, format!("there is no file \"{line} > x\\\" {line}\" in it"));
        let mut problems: Vec<Problem> = (2..422).map(missing).collect();
        problems.insert(300, Problem::at("a.csv", 7, "field `id` is missing"));
        let listed = list_problems(&problems);
        let lines: Vec<&str> = listed.lines().collect();
        assert_eq!(lines.len(), 22, "{listed}");
        assert_eq!(lines[19], missing(21).to_string());
        assert_eq!(lines[20], "a.csv:7: field `id` is missing");
        assert_eq!(lines[21], format!("... and 400 more such as: {}", missing(2).message));
        assert_eq!(list_problems(&problems[..20]).lines().count(), 20);
    }
}
