//! The words of a text: what a Text attribute is found by.

/// The words of a text, in lower case: letters and digits that stand together.
pub fn words(text: &str) -> Vec<String> {
    text.split(|c: char| !c.is_alphanumeric())
        .filter(|word| !word.is_empty())
        .map(str::to_lowercase)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::words;

    #[test]
    fn words_have_no_case_and_end_at_what_is_no_letter_or_digit() {
        assert_eq!(
            words("The quick-brown FOX_7!"),
            ["the", "quick", "brown", "fox", "7"]
        );
        assert_eq!(words("Größe ÄÖ 東京"), ["größe", "äö", "東京"]);
        assert!(words(" -!- ").is_empty());
    }
}
