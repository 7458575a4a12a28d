//! The words of a text, as methods that count them see it.

/// Words in their order, lower-cased, without punctuation. Where a script has no blanks between words (Chinese, Japanese, Thai, Lao,
/// Burmese, Khmer), every character is a word: pairs of neighbours then stand for most words, as in search engines.
///
/// ```
/// assert_eq!(rcml_data::words("An Oak-desk, 240 cm"), ["an", "oak", "desk", "240", "cm"]);
/// assert_eq!(rcml_data::words("USB充电器"), ["usb", "充", "电", "器"]);
/// ```
pub fn words(text: &str) -> Vec<String> {
    let (mut words, mut word) = (Vec::new(), String::new());
    for c in text.to_lowercase().chars() {
        let is_whole = is_unspaced(c);
        if (is_whole || !c.is_alphanumeric()) && !word.is_empty() {
            words.push(std::mem::take(&mut word));
        }
        if is_whole {
            words.push(c.into());
        } else if c.is_alphanumeric() {
            word.push(c);
        }
    }
    if !word.is_empty() {
        words.push(word);
    }
    words
}

/// Letters of scripts without blanks between words, by their blocks in Unicode.
fn is_unspaced(c: char) -> bool {
    c.is_alphanumeric()
        && matches!(u32::from(c),
            0x0E00..=0x0EFF // Thai, Lao
            | 0x1000..=0x109F // Burmese
            | 0x1780..=0x17FF // Khmer
            | 0x2E80..=0x2FDF | 0x3005..=0x3007 | 0x3400..=0x4DBF | 0x4E00..=0x9FFF | 0xF900..=0xFAFF | 0x20000..=0x323AF // Chinese
            | 0x3040..=0x30FF | 0x31F0..=0x31FF | 0xFF66..=0xFF9F // kana
        )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scripts_with_and_without_blanks() {
        for (text, expected) in [
            ("", vec![]),
            (" -- !", vec![]),
            ("Grüße, ΑΒΓ! 3.5", vec!["grüße", "αβγ", "3", "5"]),
            ("대한민국 만세", vec!["대한민국", "만세"]),
            ("東京タワー2号", vec!["東", "京", "タ", "ワ", "ー", "2", "号"]),
            ("同一词牌，浣溪沙", vec!["同", "一", "词", "牌", "浣", "溪", "沙"]),
            ("กา", vec!["ก", "า"]),
        ] {
            assert_eq!(words(text), expected, "{text}");
        }
    }
}
