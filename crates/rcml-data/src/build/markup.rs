//! Text as it stands on a web page, made plain.

/// Resolves HTML entities (also doubly escaped ones), drops tags, and joins the rest with single blanks. `None` where
/// nothing is left.
pub(crate) fn plain(text: &str) -> Option<String> {
    // Most titles have neither.
    let decoded = if text.contains('&') {
        let once = html_escape::decode_html_entities(text);
        let twice = html_escape::decode_html_entities(once.as_ref()).into_owned();
        without_tags(&twice)
    } else {
        without_tags(text)
    };
    // `&#153;` names a control character and means a sign of Windows-1252, as browsers know.
    let decoded: String = decoded.chars().map(from_windows).collect();
    // A no-break space (`&nbsp;`) is whitespace as well.
    let words: Vec<&str> = decoded.split_whitespace().collect();
    if words.is_empty() { None } else { Some(words.join(" ")) }
}

/// What a character that stands for a byte of Windows-1252 means there.
fn from_windows(c: char) -> char {
    match c {
        '\u{80}' => '€',
        '\u{85}' => '…',
        '\u{91}' => '‘',
        '\u{92}' => '’',
        '\u{93}' => '“',
        '\u{94}' => '”',
        '\u{95}' => '•',
        '\u{96}' => '–',
        '\u{97}' => '—',
        '\u{99}' => '™',
        other => other,
    }
}

/// Drops `<tag ...>`, `</tag>` and what stands in scripts and styles. A `<` that opens no tag ("< 5 kg") stays.
fn without_tags(text: &str) -> String {
    if !text.contains('<') {
        return text.to_owned();
    }
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find('<') {
        out.push_str(&rest[..at]);
        let tag = &rest[at + 1..];
        let opens = tag.starts_with(|c: char| c.is_ascii_alphabetic() || matches!(c, '/' | '!'));
        let Some(end) = tag.find('>').filter(|_| opens) else {
            out.push('<');
            rest = tag;
            continue;
        };
        out.push(' ');
        let name = tag[..end].split(|c: char| !c.is_ascii_alphanumeric()).next().unwrap_or("").to_ascii_lowercase();
        rest = &tag[end + 1..];
        if matches!(name.as_str(), "script" | "style") {
            // ASCII lower case keeps the positions of bytes.
            let closing = rest.to_ascii_lowercase().find(&format!("</{name}"));
            rest = closing.map_or("", |at| &rest[at..]);
        }
    }
    out.push_str(rest);
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_web_pages_say() {
        let cases = [
            ("Baby &amp; Child", "Baby & Child"),
            ("Fisher-Price&reg; Rainforest&#153; &amp;amp; more", "Fisher-Price® Rainforest™ & more"),
            ("<b>Soft</b><br />and&nbsp;warm\n\t blanket", "Soft and warm blanket"),
            ("for babies < 5 kg, > 2 kg", "for babies < 5 kg, > 2 kg"),
            ("a<script>var x = '<p>';</script>b<STYLE>.a{}</style>", "a b"),
            ("by\n    \n    Brand", "by Brand"),
            ("Pampers&quot;", "Pampers\""),
            ("cut <", "cut <"),
        ];
        for (text, expected) in cases {
            assert_eq!(plain(text).as_deref(), Some(expected));
        }
        assert_eq!((plain(" &nbsp; <br>"), plain("")), (None, None));
    }
}
