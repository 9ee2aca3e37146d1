//! From tokens to the store's filter.

use mainspring_engine::limits::Limits;
use mainspring_engine::search::words;
use mainspring_engine::time::Timestamp;
use mainspring_server::NamespaceAttributes;
use mainspring_store::visibility::{
    Attribute, Comparison, Direction, Filter, Kind, Order, Subject, Test, Value,
};

use super::FilterError;
use super::durations::with_units;
use super::lexer::{Token, tokens};
use super::values::{self, Asked, Written};

/// Words that are no attribute, unless in back quotes.
const KEYWORDS: [&str; 16] = [
    "AND",
    "OR",
    "NOT",
    "IN",
    "BETWEEN",
    "STARTS_WITH",
    "IS",
    "NULL",
    "GROUP",
    "ORDER",
    "BY",
    "ASC",
    "DESC",
    "LIKE",
    "LIMIT",
    "WHERE",
];

/// The comparisons that there are where values have no order.
const WITHOUT_ORDER: &str = "=, !=, IN, NOT IN and IS [NOT] NULL";
/// The comparisons that there are where values are no text.
const WITHOUT_PREFIX: &str = "=, !=, <, <=, >, >=, [NOT] IN, [NOT] BETWEEN and IS [NOT] NULL";
/// The comparisons that words have.
const OF_WORDS: &str = "=, != and IS [NOT] NULL, which look for any of the words";

/// What a filter is read with.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Context<'a> {
    /// The limits in force.
    pub(crate) limits: &'a Limits,
    /// What `NOW()` is.
    pub(crate) now: Timestamp,
    /// The search attributes of the namespace.
    pub(crate) attributes: &'a NamespaceAttributes,
}

/// What a count is grouped by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum GroupBy {
    /// One number.
    Nothing,
    /// A number for each status.
    ExecutionStatus,
}

/// Parses a list's filter, which may end with `ORDER BY …`. Blank text matches every
/// run.
pub(crate) fn parse(text: &str, context: Context<'_>) -> Result<(Filter, Order), FilterError> {
    let mut parser = Parser::new(text, context)?;
    let filter = parser.filter()?;
    if parser.is_word("GROUP") {
        return parser.error("a list has no groups; GROUP BY is for counts");
    }
    let order = parser.order_by()?;
    parser.end()?;
    Ok((filter, order))
}

/// Parses a count's filter, which may end with `GROUP BY ExecutionStatus`.
pub(crate) fn parse_count(
    text: &str,
    context: Context<'_>,
) -> Result<(Filter, GroupBy), FilterError> {
    let mut parser = Parser::new(text, context)?;
    let filter = parser.filter()?;
    let group_by = parser.group_by()?;
    if parser.is_word("ORDER") {
        return parser.error("a count has no order; ORDER BY is for lists");
    }
    parser.end()?;
    Ok((filter, group_by))
}

struct Parser<'a> {
    tokens: Vec<(usize, Token)>,
    next: usize,
    depth: usize,
    /// The character after the last one.
    end: usize,
    context: Context<'a>,
}

impl<'a> Parser<'a> {
    fn new(text: &str, context: Context<'a>) -> Result<Self, FilterError> {
        let allowed = context.limits.filter_bytes;
        if text.len() > allowed {
            return Err(FilterError {
                position: text
                    .char_indices()
                    .take_while(|(at, _)| *at < allowed)
                    .count()
                    + 1,
                message: format!(
                    "the query has {} bytes, {allowed} are allowed (limit filter-bytes)",
                    text.len()
                ),
            });
        }
        Ok(Self {
            tokens: tokens(text)?,
            next: 0,
            depth: 0,
            end: text.chars().count() + 1,
            context,
        })
    }

    // ---- tokens -----------------------------------------------------------

    fn peek(&self) -> Option<&Token> {
        self.tokens.get(self.next).map(|(_, token)| token)
    }

    fn position(&self) -> usize {
        self.tokens.get(self.next).map_or(self.end, |(at, _)| *at)
    }

    fn error<T>(&self, message: impl Into<String>) -> Result<T, FilterError> {
        Err(at(self.position(), message))
    }

    fn is_word(&self, word: &str) -> bool {
        matches!(self.peek(), Some(Token::Word(found)) if found.eq_ignore_ascii_case(word))
    }

    /// Takes a keyword, if it is the next token.
    fn word(&mut self, word: &str) -> bool {
        let found = self.is_word(word);
        self.next += usize::from(found);
        found
    }

    fn need_word(&mut self, word: &str) -> Result<(), FilterError> {
        match self.word(word) {
            true => Ok(()),
            false => self.unexpected(word),
        }
    }

    /// Takes a sign, if it is the next token.
    fn sign(&mut self, sign: &'static str) -> bool {
        let found = self.peek() == Some(&Token::Sign(sign));
        self.next += usize::from(found);
        found
    }

    fn need_sign(&mut self, sign: &'static str, wanted: &str) -> Result<(), FilterError> {
        match self.sign(sign) {
            true => Ok(()),
            false => self.unexpected(wanted),
        }
    }

    fn unexpected<T>(&self, wanted: &str) -> Result<T, FilterError> {
        let found = self.peek().map(Token::show);
        let found = found.as_deref().unwrap_or("the end");
        self.error(format!("expected {wanted}, found {found}"))
    }

    // ---- the grammar ------------------------------------------------------

    fn filter(&mut self) -> Result<Filter, FilterError> {
        let has_none = self.peek().is_none() || self.is_word("GROUP") || self.is_word("ORDER");
        match has_none {
            true => Ok(Filter::All),
            false => self.disjunction(),
        }
    }

    fn disjunction(&mut self) -> Result<Filter, FilterError> {
        let first = self.conjunction()?;
        let mut some = vec![first];
        while self.word("OR") {
            some.push(self.conjunction()?);
        }
        Ok(match some.len() {
            1 => some.remove(0),
            _ => Filter::Or(some),
        })
    }

    fn conjunction(&mut self) -> Result<Filter, FilterError> {
        let first = self.factor()?;
        let mut all = vec![first];
        while self.word("AND") {
            all.push(self.factor()?);
        }
        Ok(match all.len() {
            1 => all.remove(0),
            _ => Filter::And(all),
        })
    }

    fn factor(&mut self) -> Result<Filter, FilterError> {
        let deepest = self.context.limits.filter_depth;
        let nests = self.is_word("NOT") || self.peek() == Some(&Token::Sign("("));
        if !nests {
            return self.condition();
        }
        if self.depth == deepest {
            return self.error(format!(
                "parentheses and NOT nest deeper than {deepest} (limit filter-depth)"
            ));
        }
        self.depth += 1;
        let filter = if self.word("NOT") {
            not(self.factor()?)
        } else {
            self.next += 1;
            let inner = self.disjunction()?;
            self.need_sign(")", "AND, OR or a closing parenthesis")?;
            inner
        };
        self.depth -= 1;
        Ok(filter)
    }

    fn condition(&mut self) -> Result<Filter, FilterError> {
        let asked = self.attribute()?;
        if self.word("IS") {
            let negated = self.word("NOT");
            self.need_word("NULL")?;
            return Ok(negate_if(negated, asked.is(Test::IsNull)));
        }
        let operator_at = self.position();
        if let Some(comparison) = self.comparison() {
            return self.compared(&asked, comparison, operator_at);
        }
        let negated = self.word("NOT");
        let operator_at = self.position();
        let test = if self.word("IN") {
            if asked.kind() == Kind::Words {
                return Err(wrong_operator(operator_at, &asked, OF_WORDS));
            }
            Test::In(self.list(&asked)?)
        } else if self.word("BETWEEN") {
            check_order(operator_at, &asked)?;
            let from = self.value(&asked)?;
            self.need_word("AND")?;
            Test::Between(from, self.value(&asked)?)
        } else if self.word("STARTS_WITH") {
            check_order(operator_at, &asked)?;
            if asked.kind() != Kind::Keyword {
                return Err(wrong_operator(operator_at, &asked, WITHOUT_PREFIX));
            }
            Test::StartsWith(self.prefix(&asked)?)
        } else if self.is_word("LIKE") {
            return self.error("there is no LIKE; use STARTS_WITH 'prefix'");
        } else if negated {
            return self.unexpected("IN, BETWEEN or STARTS_WITH");
        } else {
            return self
                .unexpected("a comparison (=, !=, <, <=, >, >=, IN, BETWEEN, STARTS_WITH or IS)");
        };
        Ok(negate_if(negated, asked.is(test)))
    }

    /// What comes behind `=` and its like.
    fn compared(
        &mut self,
        asked: &Asked,
        comparison: Comparison,
        operator_at: usize,
    ) -> Result<Filter, FilterError> {
        let differs = comparison == Comparison::NotEqual;
        if !differs && comparison != Comparison::Equal {
            check_order(operator_at, asked)?;
        }
        let value = self.value(asked)?;
        Ok(match (asked.kind(), value) {
            // Any of the words; of a list, any of its members.
            (Kind::Words, Value::Text(text)) => {
                let words = words(&text).into_iter().map(Value::Text);
                negate_if(differs, asked.is(Test::In(words.collect())))
            }
            (Kind::Keywords, value) => {
                negate_if(differs, asked.is(Test::Compare(Comparison::Equal, value)))
            }
            (_, value) => asked.is(Test::Compare(comparison, value)),
        })
    }

    fn attribute(&mut self) -> Result<Asked, FilterError> {
        let position = self.position();
        let is_keyword = |word: &str| {
            KEYWORDS
                .iter()
                .any(|known| known.eq_ignore_ascii_case(word))
        };
        let name = match self.peek() {
            Some(Token::Word(word)) if !is_keyword(word) => word.clone(),
            Some(Token::Name(name)) => name.clone(),
            _ => return self.unexpected("an attribute such as WorkflowType"),
        };
        self.next += 1;
        if self.peek() == Some(&Token::Sign("(")) {
            return Err(at(position, format!("there is no function {name}")));
        }
        values::attribute(&name, self.context.attributes).map_err(|message| at(position, message))
    }

    /// An attribute that every run has a column for.
    fn built_in(&mut self, wanted: &str) -> Result<Attribute, FilterError> {
        let position = self.position();
        let asked = self.attribute()?;
        match asked.what {
            Subject::BuiltIn(attribute) => Ok(attribute),
            Subject::Custom(_) => Err(at(
                position,
                format!(
                    "expected {wanted}, found the search attribute {}",
                    asked.name
                ),
            )),
        }
    }

    fn comparison(&mut self) -> Option<Comparison> {
        let comparison = match self.peek() {
            Some(Token::Sign("=")) => Comparison::Equal,
            Some(Token::Sign("!=")) => Comparison::NotEqual,
            Some(Token::Sign("<")) => Comparison::Less,
            Some(Token::Sign("<=")) => Comparison::LessOrEqual,
            Some(Token::Sign(">")) => Comparison::Greater,
            Some(Token::Sign(">=")) => Comparison::GreaterOrEqual,
            _ => return None,
        };
        self.next += 1;
        Some(comparison)
    }

    // ---- values -----------------------------------------------------------

    fn list(&mut self, attribute: &Asked) -> Result<Vec<Value>, FilterError> {
        let most = self.context.limits.filter_values;
        self.need_sign("(", "a list such as ('a', 'b')")?;
        let mut values = Vec::new();
        loop {
            if values.len() == most {
                return self.error(format!(
                    "more than {most} values in one IN (limit filter-values)"
                ));
            }
            values.push(self.value(attribute)?);
            if !self.sign(",") {
                break;
            }
        }
        self.need_sign(")", "a comma or a closing parenthesis")?;
        Ok(values)
    }

    fn value(&mut self, attribute: &Asked) -> Result<Value, FilterError> {
        let position = self.position();
        let written = self.written()?;
        values::value(attribute, &written).map_err(|message| at(position, message))
    }

    fn prefix(&mut self, attribute: &Asked) -> Result<String, FilterError> {
        let position = self.position();
        match self.written()? {
            Written::Text(prefix) => Ok(prefix),
            other => {
                let message = values::value(attribute, &other).err();
                let message = message.unwrap_or_else(|| "expected text in quotes".to_owned());
                Err(at(position, message))
            }
        }
    }

    fn written(&mut self) -> Result<Written, FilterError> {
        let sign = match self.peek() {
            Some(Token::Sign("-")) => Some("-"),
            Some(Token::Sign("+")) => Some(""),
            _ => None,
        };
        if let Some(sign) = sign {
            self.next += 1;
            return match self.peek() {
                Some(Token::Number(number)) => {
                    let number = format!("{sign}{number}");
                    self.next += 1;
                    Ok(Written::Number(number))
                }
                _ => self.unexpected("a number"),
            };
        }
        if self.is_word("NOW") {
            self.next += 1;
            return self.now().map(Written::Time);
        }
        let written = match self.peek() {
            Some(Token::Text(text)) => Written::Text(text.clone()),
            Some(Token::Number(number)) => Written::Number(number.clone()),
            Some(Token::Word(word)) if word.eq_ignore_ascii_case("true") => Written::Bool(true),
            Some(Token::Word(word)) if word.eq_ignore_ascii_case("false") => Written::Bool(false),
            Some(Token::Word(word) | Token::Name(word)) => {
                let hint = format!("a value, found {word}; text is written in quotes: '{word}'");
                return self.error(format!("expected {hint}"));
            }
            _ => return self.unexpected("a value"),
        };
        self.next += 1;
        Ok(written)
    }

    /// What comes behind `NOW`.
    fn now(&mut self) -> Result<Timestamp, FilterError> {
        self.need_sign("(", "the parentheses of NOW()")?;
        self.need_sign(")", "the parentheses of NOW()")?;
        let earlier = self.sign("-");
        if !earlier && !self.sign("+") {
            return Ok(self.context.now);
        }
        let length = match self.peek() {
            Some(Token::Number(length)) => with_units(length),
            _ => None,
        };
        let Some(length) = length else {
            return self.unexpected("a duration such as 1h30m (no quotes)");
        };
        self.next += 1;
        let length = if earlier { -length } else { length };
        let nanos = i128::from(self.context.now.as_nanos()).saturating_add(length);
        let nanos = nanos.clamp(i64::MIN.into(), i64::MAX.into());
        Ok(Timestamp::from_nanos(i64::try_from(nanos).unwrap_or(0)))
    }

    // ---- what comes after the filter --------------------------------------

    fn group_by(&mut self) -> Result<GroupBy, FilterError> {
        if !self.word("GROUP") {
            return Ok(GroupBy::Nothing);
        }
        self.need_word("BY")?;
        let position = self.position();
        let wanted = "ExecutionStatus, the only attribute to group by";
        match self.built_in(wanted)? {
            Attribute::ExecutionStatus => Ok(GroupBy::ExecutionStatus),
            other => {
                let message = format!("expected {wanted}, found {}", other.name());
                Err(at(position, message))
            }
        }
    }

    fn order_by(&mut self) -> Result<Order, FilterError> {
        if !self.word("ORDER") {
            return Ok(Order::default());
        }
        self.need_word("BY")?;
        let position = self.position();
        let asked = self.attribute()?;
        if matches!(asked.kind(), Kind::Words | Kind::Keywords) {
            let name = &asked.name;
            let message = format!(
                "a run may have several values of {name}: a list is sorted by an attribute of \
                 one value"
            );
            return Err(at(position, message));
        }
        let by = asked.what;
        let direction = if self.word("DESC") {
            Direction::Descending
        } else {
            self.word("ASC");
            Direction::Ascending
        };
        if self.peek() == Some(&Token::Sign(",")) {
            return self.error("a list is sorted by one attribute");
        }
        Ok(Order { by, direction })
    }

    fn end(&self) -> Result<(), FilterError> {
        match self.peek() {
            None => Ok(()),
            Some(_) if self.is_word("LIMIT") => {
                self.error("there is no LIMIT in a filter; ask for a page size instead")
            }
            Some(_) => self.unexpected("AND, OR or the end"),
        }
    }
}

fn at(position: usize, message: impl Into<String>) -> FilterError {
    FilterError {
        position,
        message: message.into(),
    }
}

fn wrong_operator(position: usize, asked: &Asked, allowed: &str) -> FilterError {
    let name = &asked.name;
    at(position, format!("{name} has the comparisons {allowed}"))
}

/// Refuses an order where values have none.
fn check_order(operator_at: usize, asked: &Asked) -> Result<(), FilterError> {
    match asked.kind() {
        Kind::Status | Kind::Bool | Kind::Keywords => {
            Err(wrong_operator(operator_at, asked, WITHOUT_ORDER))
        }
        Kind::Words => Err(wrong_operator(operator_at, asked, OF_WORDS)),
        Kind::Keyword | Kind::Time | Kind::Duration | Kind::Int | Kind::Double => Ok(()),
    }
}

fn not(filter: Filter) -> Filter {
    Filter::Not(Box::new(filter))
}

fn negate_if(negated: bool, filter: Filter) -> Filter {
    match negated {
        true => not(filter),
        false => filter,
    }
}
