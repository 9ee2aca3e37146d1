//! From tokens to the store's filter.

use mainspring_engine::ids::RunId;
use mainspring_engine::time::Timestamp;
use mainspring_store::visibility::{Comparison, Condition, Filter};
use temporalio_protos::temporal::api::enums::v1::WorkflowExecutionStatus;

use super::FilterError;
use super::lexer::{Token, tokens};

/// How deep parentheses may nest: the parser recurses.
const DEEPEST: usize = 50;

/// What the language has and this server does not serve yet.
const LATER: [&str; 8] = [
    "OR",
    "NOT",
    "IN",
    "BETWEEN",
    "STARTS_WITH",
    "IS",
    "ORDER",
    "LIKE",
];

/// What a count is grouped by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum GroupBy {
    /// One number.
    Nothing,
    /// A number for each status.
    ExecutionStatus,
}

/// Parses a list filter. Blank text matches every run.
pub(crate) fn parse(text: &str) -> Result<Filter, FilterError> {
    let mut parser = Parser::new(text)?;
    let filter = parser.filter()?;
    parser.end()?;
    Ok(filter)
}

/// Parses a count's filter, which may end with `GROUP BY ExecutionStatus`.
pub(crate) fn parse_count(text: &str) -> Result<(Filter, GroupBy), FilterError> {
    let mut parser = Parser::new(text)?;
    let filter = parser.filter()?;
    let group_by = parser.group_by()?;
    parser.end()?;
    Ok((filter, group_by))
}

struct Parser {
    tokens: Vec<(usize, Token)>,
    next: usize,
    depth: usize,
    /// The character after the last one.
    end: usize,
}

impl Parser {
    fn new(text: &str) -> Result<Self, FilterError> {
        Ok(Self {
            tokens: tokens(text)?,
            next: 0,
            depth: 0,
            end: text.chars().count() + 1,
        })
    }

    fn peek(&self) -> Option<&Token> {
        self.tokens.get(self.next).map(|(_, token)| token)
    }

    fn position(&self) -> usize {
        self.tokens.get(self.next).map_or(self.end, |(at, _)| *at)
    }

    fn error<T>(&self, message: impl Into<String>) -> Result<T, FilterError> {
        Err(FilterError {
            position: self.position(),
            message: message.into(),
        })
    }

    fn is_word(&self, word: &str) -> bool {
        matches!(self.peek(), Some(Token::Word(found)) if found.eq_ignore_ascii_case(word))
    }

    fn filter(&mut self) -> Result<Filter, FilterError> {
        if self.peek().is_none() || self.is_word("GROUP") {
            return Ok(Filter::All);
        }
        self.conjunction()
    }

    fn conjunction(&mut self) -> Result<Filter, FilterError> {
        let mut all = vec![self.factor()?];
        while self.is_word("AND") {
            self.next += 1;
            all.push(self.factor()?);
        }
        Ok(match all.len() {
            1 => all.remove(0),
            _ => Filter::And(all),
        })
    }

    fn factor(&mut self) -> Result<Filter, FilterError> {
        if self.peek() != Some(&Token::Sign("(")) {
            return Ok(Filter::Is(self.condition()?));
        }
        if self.depth == DEEPEST {
            return self.error(format!("parentheses nest deeper than {DEEPEST}"));
        }
        self.next += 1;
        self.depth += 1;
        let inner = self.conjunction()?;
        self.depth -= 1;
        if self.peek() != Some(&Token::Sign(")")) {
            return self.unexpected("a closing parenthesis");
        }
        self.next += 1;
        Ok(inner)
    }

    fn condition(&mut self) -> Result<Condition, FilterError> {
        let attribute_at = self.position();
        let attribute = match self.peek() {
            Some(Token::Word(word)) => word.clone(),
            _ => return self.unexpected("an attribute such as WorkflowType"),
        };
        if LATER
            .iter()
            .any(|later| later.eq_ignore_ascii_case(&attribute))
        {
            return self.not_yet(&attribute);
        }
        self.next += 1;
        let comparison_at = self.position();
        let comparison = self.comparison()?;
        let value_at = self.position();
        let Some(value) = self.peek().cloned() else {
            return self.unexpected("a value");
        };
        self.next += 1;
        build(&attribute, comparison, &value).map_err(|(what, message)| FilterError {
            position: match what {
                Wrong::Attribute => attribute_at,
                Wrong::Comparison => comparison_at,
                Wrong::Value => value_at,
            },
            message,
        })
    }

    fn comparison(&mut self) -> Result<Comparison, FilterError> {
        let comparison = match self.peek() {
            Some(Token::Sign("=")) => Comparison::Equal,
            Some(Token::Sign("<")) => Comparison::Less,
            Some(Token::Sign("<=")) => Comparison::LessOrEqual,
            Some(Token::Sign(">")) => Comparison::Greater,
            Some(Token::Sign(">=")) => Comparison::GreaterOrEqual,
            Some(Token::Sign("!=")) => return self.not_yet("!="),
            Some(Token::Word(word)) if LATER.iter().any(|l| l.eq_ignore_ascii_case(word)) => {
                let word = word.clone();
                return self.not_yet(&word);
            }
            _ => return self.unexpected("a comparison (=, <, <=, > or >=)"),
        };
        self.next += 1;
        Ok(comparison)
    }

    fn group_by(&mut self) -> Result<GroupBy, FilterError> {
        if !self.is_word("GROUP") {
            return Ok(GroupBy::Nothing);
        }
        self.next += 1;
        if !self.is_word("BY") {
            return self.unexpected("BY");
        }
        self.next += 1;
        if !self.is_word("ExecutionStatus") {
            return self.unexpected("ExecutionStatus, the only attribute to group by");
        }
        self.next += 1;
        Ok(GroupBy::ExecutionStatus)
    }

    fn end(&self) -> Result<(), FilterError> {
        match self.peek() {
            None => Ok(()),
            Some(Token::Word(word)) if LATER.iter().any(|l| l.eq_ignore_ascii_case(word)) => {
                self.not_yet(word)
            }
            Some(_) => self.unexpected("AND or the end"),
        }
    }

    fn not_yet<T>(&self, what: &str) -> Result<T, FilterError> {
        self.error(format!(
            "{what} is not served by this version of Mainspring; \
             use =, <, <=, >, >= and AND"
        ))
    }

    fn unexpected<T>(&self, wanted: &str) -> Result<T, FilterError> {
        match self.peek() {
            Some(token) => self.error(format!("expected {wanted}, found {}", token.show())),
            None => self.error(format!("expected {wanted}, found the end")),
        }
    }
}

enum Wrong {
    Attribute,
    Comparison,
    Value,
}

fn build(
    attribute: &str,
    comparison: Comparison,
    value: &Token,
) -> Result<Condition, (Wrong, String)> {
    match attribute {
        "WorkflowId" => Ok(Condition::WorkflowId(comparison, text(value)?)),
        "WorkflowType" => Ok(Condition::WorkflowType(comparison, text(value)?)),
        "StartTime" => Ok(Condition::StartTime(comparison, time(value)?)),
        "CloseTime" => Ok(Condition::CloseTime(comparison, time(value)?)),
        "RunId" => {
            only_equal(attribute, comparison)?;
            Ok(RunId::parse(&text(value)?).map_or(Condition::Never, Condition::RunId))
        }
        "ExecutionStatus" => {
            only_equal(attribute, comparison)?;
            Ok(Condition::ExecutionStatus(status(value)?))
        }
        _ => Err((
            Wrong::Attribute,
            format!(
                "{attribute} is no attribute; there are WorkflowId, RunId, WorkflowType, \
                 ExecutionStatus, StartTime and CloseTime"
            ),
        )),
    }
}

fn only_equal(attribute: &str, comparison: Comparison) -> Result<(), (Wrong, String)> {
    if comparison == Comparison::Equal {
        return Ok(());
    }
    Err((
        Wrong::Comparison,
        format!("{attribute} can only be compared with ="),
    ))
}

fn text(value: &Token) -> Result<String, (Wrong, String)> {
    match value {
        Token::Text(text) => Ok(text.clone()),
        other => Err((
            Wrong::Value,
            format!("expected text in quotes, found {}", other.show()),
        )),
    }
}

fn time(value: &Token) -> Result<Timestamp, (Wrong, String)> {
    let wrong = || {
        (
            Wrong::Value,
            format!(
                "expected a time such as '2026-01-31T08:00:00Z', found {}",
                value.show()
            ),
        )
    };
    match value {
        Token::Text(text) => text
            .parse::<prost_wkt_types::Timestamp>()
            .map(|wire| Timestamp::from_wire(&wire))
            .map_err(|_| wrong()),
        Token::Number(nanos) => nanos
            .parse()
            .map(Timestamp::from_nanos)
            .map_err(|_| wrong()),
        Token::Word(_) | Token::Sign(_) => Err(wrong()),
    }
}

fn status(value: &Token) -> Result<WorkflowExecutionStatus, (Wrong, String)> {
    let name = match value {
        Token::Text(name) | Token::Word(name) => name.as_str(),
        Token::Number(_) | Token::Sign(_) => "",
    };
    Ok(match name {
        "Running" => WorkflowExecutionStatus::Running,
        "Completed" => WorkflowExecutionStatus::Completed,
        "Failed" => WorkflowExecutionStatus::Failed,
        "Canceled" => WorkflowExecutionStatus::Canceled,
        "Terminated" => WorkflowExecutionStatus::Terminated,
        "ContinuedAsNew" => WorkflowExecutionStatus::ContinuedAsNew,
        "TimedOut" => WorkflowExecutionStatus::TimedOut,
        _ => {
            return Err((
                Wrong::Value,
                format!(
                    "{} is no status; there are 'Running', 'Completed', 'Failed', 'Canceled', \
                     'Terminated', 'ContinuedAsNew' and 'TimedOut'",
                    value.show()
                ),
            ));
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn vis_01_conditions_joined_by_and() {
        let filter = parse("WorkflowType = 'Order' AND (ExecutionStatus=\"Running\")").unwrap();
        assert_eq!(
            filter,
            Filter::And(vec![
                Filter::Is(Condition::WorkflowType(Comparison::Equal, "Order".into())),
                Filter::Is(Condition::ExecutionStatus(WorkflowExecutionStatus::Running)),
            ])
        );
        assert_eq!(parse("  ").unwrap(), Filter::All);
    }

    #[test]
    fn times_are_rfc_3339() {
        let filter = parse("StartTime >= '1970-01-01T00:00:01Z'").unwrap();
        let second = Timestamp::from_nanos(1_000_000_000);
        assert_eq!(
            filter,
            Filter::Is(Condition::StartTime(Comparison::GreaterOrEqual, second))
        );
    }

    #[test]
    fn vis_02_counts_by_status() {
        assert_eq!(
            parse_count("GROUP BY ExecutionStatus").unwrap(),
            (Filter::All, GroupBy::ExecutionStatus)
        );
        let (_, group_by) = parse_count("WorkflowId = 'a' group by ExecutionStatus").unwrap();
        assert_eq!(group_by, GroupBy::ExecutionStatus);
        assert!(
            parse("GROUP BY ExecutionStatus").is_err(),
            "a list has no groups"
        );
    }

    #[test]
    fn errors_say_where_and_what() {
        for (text, position, part) in [
            ("Colour = 'red'", 1, "no attribute"),
            ("WorkflowId ~ 'a'", 12, "means nothing"),
            ("WorkflowId = a", 14, "text in quotes"),
            ("WorkflowId = 'a", 14, "no closing quote"),
            (
                "WorkflowId = 'a' OR WorkflowId = 'b'",
                18,
                "OR is not served",
            ),
            ("WorkflowId != 'a'", 12, "!= is not served"),
            ("RunId > 'a'", 7, "only be compared"),
            ("ExecutionStatus = 'Fine'", 19, "no status"),
            ("(WorkflowId = 'a'", 18, "closing parenthesis"),
            ("WorkflowId =", 13, "found the end"),
            ("StartTime > 'noon'", 13, "expected a time"),
        ] {
            let error = parse(text).unwrap_err();
            assert_eq!(error.position, position, "{text}: {error}");
            assert!(error.message.contains(part), "{text}: {error}");
        }
        let deep = "(".repeat(100);
        assert!(parse(&deep).unwrap_err().message.contains("deeper"));
    }
}
