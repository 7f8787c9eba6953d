//! Words of the condition language, with their places in the text.

/// One word of a condition.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Token<'a> {
    /// Its text.
    pub text: &'a str,
    /// Its first byte.
    pub start: usize,
}

impl Token<'_> {
    /// Whether it begins like a name.
    pub fn is_word(&self) -> bool {
        self.text.starts_with(|c: char| c.is_ascii_alphabetic())
    }

    /// Whether it begins like a number.
    pub fn is_number(&self) -> bool {
        self.text.starts_with(|c: char| c.is_ascii_digit() || matches!(c, '-' | '+' | '.'))
    }
}

/// Splits a text; a character that no condition has becomes a word of its own.
pub fn tokens(text: &str) -> Vec<Token<'_>> {
    let mut tokens = Vec::new();
    let mut at = 0;
    while let Some(first) = text[at..].chars().next() {
        if first.is_whitespace() {
            at += first.len_utf8();
            continue;
        }
        let length = length(&text[at..], first);
        tokens.push(Token { text: &text[at..at + length], start: at });
        at += length;
    }
    tokens
}

fn length(text: &str, first: char) -> usize {
    if text.starts_with("<=") || text.starts_with(">=") {
        return 2;
    }
    // Names have hyphens and dots (`desktop.sign-in`), numbers have units (`12k/s`, `99.5%`).
    let inside = |c: char| c.is_alphanumeric() || matches!(c, '_' | '-' | '.' | '%' | '/' | '+');
    if first.is_alphanumeric() || matches!(first, '-' | '+' | '.') {
        return text.find(|c| !inside(c)).unwrap_or(text.len());
    }
    first.len_utf8()
}
