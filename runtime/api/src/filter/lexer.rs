//! A filter's text as tokens with their places.

use super::FilterError;

/// A token.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Token {
    /// A name or a keyword, as written.
    Word(String),
    /// A name in back quotes: never a keyword.
    Name(String),
    /// Text in quotes.
    Text(String),
    /// A number, as written, or what begins like one (`1h30m`).
    Number(String),
    /// `=`, `!=`, `<`, `<=`, `>`, `>=`, `(`, `)`, `,`, `+`, `-`
    Sign(&'static str),
}

impl Token {
    /// As an error message shows it.
    pub(super) fn show(&self) -> String {
        match self {
            Token::Word(word) => word.clone(),
            Token::Name(name) => format!("`{name}`"),
            Token::Text(text) => format!("'{text}'"),
            Token::Number(number) => number.clone(),
            Token::Sign(sign) => (*sign).to_owned(),
        }
    }
}

/// The longest first: `<=` is not `<` and `=`.
const SIGNS: [&str; 12] = [
    "!=", "<>", "<=", ">=", "=", "<", ">", "(", ")", ",", "+", "-",
];

/// Cuts a filter into tokens, each with the character it begins at, from 1.
pub(super) fn tokens(text: &str) -> Result<Vec<(usize, Token)>, FilterError> {
    let chars: Vec<char> = text.chars().collect();
    let mut tokens = Vec::new();
    let mut at = 0;
    while at < chars.len() {
        let rest = &chars[at..];
        let (token, length) = match rest[0] {
            c if c.is_whitespace() => {
                at += 1;
                continue;
            }
            '\'' | '"' => quoted(rest, at).map(|(text, length)| (Token::Text(text), length))?,
            '`' => quoted(rest, at).map(|(name, length)| (Token::Name(name), length))?,
            c if c.is_alphabetic() || c == '_' => word(rest),
            c if c.is_ascii_digit() => number(rest),
            '.' if rest.get(1).is_some_and(char::is_ascii_digit) => number(rest),
            _ => sign(rest, at)?,
        };
        tokens.push((at + 1, token));
        at += length;
    }
    Ok(tokens)
}

/// What stands between two quotes. A quote in it is doubled or behind a backslash.
fn quoted(chars: &[char], at: usize) -> Result<(String, usize), FilterError> {
    let quote = chars[0];
    let escapes = quote != '`';
    let mut text = String::new();
    let mut index = 1;
    while let Some(c) = chars.get(index) {
        index += 1;
        match (*c, chars.get(index)) {
            ('\\', Some(escaped)) if escapes => {
                text.push(unescaped(*escaped));
                index += 1;
            }
            (c, Some(next)) if c == quote && *next == quote => {
                text.push(quote);
                index += 1;
            }
            (c, _) if c == quote => return Ok((text, index)),
            (c, _) => text.push(c),
        }
    }
    Err(FilterError {
        position: at + 1,
        message: format!("this {quote} has no closing {quote}"),
    })
}

/// What a character behind a backslash stands for.
fn unescaped(c: char) -> char {
    match c {
        'n' => '\n',
        'r' => '\r',
        't' => '\t',
        'b' => '\u{8}',
        '0' => '\0',
        'Z' => '\u{1a}',
        other => other,
    }
}

fn word(chars: &[char]) -> (Token, usize) {
    let is_part = |c: &&char| c.is_alphanumeric() || **c == '_';
    let word: String = chars.iter().take_while(is_part).collect();
    let length = word.chars().count();
    (Token::Word(word), length)
}

/// Letters belong to it: the units of a duration, an exponent with its sign.
fn number(chars: &[char]) -> (Token, usize) {
    let mut number = String::new();
    let all_digits = |text: &str| text.chars().all(|c| c.is_ascii_digit() || c == '.');
    for (index, c) in chars.iter().enumerate() {
        let in_exponent = matches!(c, '+' | '-')
            && number
                .strip_suffix(['e', 'E'])
                .is_some_and(|digits| !digits.is_empty() && all_digits(digits))
            && chars.get(index + 1).is_some_and(char::is_ascii_digit);
        if !(c.is_alphanumeric() || *c == '.' || *c == '_' || in_exponent) {
            break;
        }
        number.push(*c);
    }
    let length = number.chars().count();
    (Token::Number(number), length)
}

fn sign(chars: &[char], at: usize) -> Result<(Token, usize), FilterError> {
    let found = SIGNS.into_iter().find(|sign| {
        sign.chars()
            .enumerate()
            .all(|(index, c)| chars.get(index) == Some(&c))
    });
    match found {
        Some("<>") => Ok((Token::Sign("!="), 2)),
        Some(sign) => Ok((Token::Sign(sign), sign.len())),
        None => Err(FilterError {
            position: at + 1,
            message: format!("{} means nothing here", chars[0].escape_debug()),
        }),
    }
}
