//! A filter's text as tokens with their places.

use super::FilterError;

/// A token.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Token {
    /// A name or a keyword, as written.
    Word(String),
    /// Text in quotes.
    Text(String),
    /// A number, as written.
    Number(String),
    /// `=`, `!=`, `<`, `<=`, `>`, `>=`, `(`, `)`, `,`
    Sign(&'static str),
}

impl Token {
    /// As an error message shows it.
    pub(super) fn show(&self) -> String {
        match self {
            Token::Word(word) => word.clone(),
            Token::Text(text) => format!("'{text}'"),
            Token::Number(number) => number.clone(),
            Token::Sign(sign) => (*sign).to_owned(),
        }
    }
}

/// The longest first: `<=` is not `<` and `=`.
const SIGNS: [&str; 9] = ["!=", "<=", ">=", "=", "<", ">", "(", ")", ","];

/// Cuts a filter into tokens, each with the character it begins at, from 1.
pub(super) fn tokens(text: &str) -> Result<Vec<(usize, Token)>, FilterError> {
    let chars: Vec<char> = text.chars().collect();
    let mut tokens = Vec::new();
    let mut at = 0;
    while at < chars.len() {
        let c = chars[at];
        if c.is_whitespace() {
            at += 1;
            continue;
        }
        let (token, length) = if c == '\'' || c == '"' {
            quoted(&chars[at..], at)?
        } else if c.is_alphabetic() || c == '_' || c == '`' {
            word(&chars[at..])
        } else if c.is_ascii_digit() || c == '-' {
            number(&chars[at..])
        } else {
            sign(&chars[at..], at)?
        };
        tokens.push((at + 1, token));
        at += length;
    }
    Ok(tokens)
}

fn quoted(chars: &[char], at: usize) -> Result<(Token, usize), FilterError> {
    let quote = chars[0];
    let mut text = String::new();
    let mut index = 1;
    while index < chars.len() {
        match chars[index] {
            '\\' if index + 1 < chars.len() => {
                text.push(chars[index + 1]);
                index += 2;
            }
            c if c == quote => return Ok((Token::Text(text), index + 1)),
            c => {
                text.push(c);
                index += 1;
            }
        }
    }
    Err(FilterError {
        position: at + 1,
        message: "this text has no closing quote".to_owned(),
    })
}

fn word(chars: &[char]) -> (Token, usize) {
    let is_part = |c: &&char| c.is_alphanumeric() || **c == '_' || **c == '`';
    let word: String = chars.iter().take_while(is_part).collect();
    let length = word.chars().count();
    (Token::Word(word.replace('`', "")), length)
}

fn number(chars: &[char]) -> (Token, usize) {
    let is_part = |c: &&char| c.is_ascii_digit() || matches!(**c, '-' | '.' | 'e' | 'E' | '+');
    let number: String = chars.iter().take_while(is_part).collect();
    let length = number.len();
    (Token::Number(number), length)
}

fn sign(chars: &[char], at: usize) -> Result<(Token, usize), FilterError> {
    let found = SIGNS.into_iter().find(|sign| {
        sign.chars()
            .enumerate()
            .all(|(index, c)| chars.get(index) == Some(&c))
    });
    match found {
        Some(sign) => Ok((Token::Sign(sign), sign.len())),
        None => Err(FilterError {
            position: at + 1,
            message: format!("{:?} means nothing here", chars[0]),
        }),
    }
}
