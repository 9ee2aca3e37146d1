//! Texts and what they mean, as tables.

use std::collections::BTreeMap;

use mainspring_engine::limits::Limits;
use mainspring_engine::search::AttributeType;
use mainspring_engine::time::Timestamp;
use mainspring_server::NamespaceAttributes;
use mainspring_store::visibility::{
    Comparison, CustomAttribute, Direction, Filter, Subject, Test, Value,
};

use super::{Context, FilterError, GroupBy, is_reserved, parse, parse_count};

/// 2026-01-01T00:00:00Z, in microseconds.
const NOW_MICROS: i64 = 1_767_225_600_000_000;

/// The search attributes of the namespace; each shows as `#` and its number.
fn known() -> NamespaceAttributes {
    let known = [
        ("Notes", AttributeType::Text),
        ("Color", AttributeType::Keyword),
        ("Amount", AttributeType::Int),
        ("Price", AttributeType::Double),
        ("Paid", AttributeType::Bool),
        ("DueAt", AttributeType::Datetime),
        ("Tags", AttributeType::KeywordList),
        ("Ship to", AttributeType::Keyword),
        ("TemporalReportedProblems", AttributeType::KeywordList),
    ];
    let known = known.into_iter().zip(1..);
    let known: BTreeMap<_, _> = known
        .map(|((name, attribute_type), id)| {
            let attribute = CustomAttribute { id, attribute_type };
            (name.to_owned(), attribute)
        })
        .collect();
    known.into()
}

fn read(text: &str) -> Result<String, FilterError> {
    let limits = Limits::default();
    let context = Context {
        limits: &limits,
        now: Timestamp::from_nanos(NOW_MICROS * 1_000),
        attributes: &known(),
    };
    let (filter, order) = parse(text, context)?;
    let direction = match order.direction {
        Direction::Ascending => "up",
        Direction::Descending => "down",
    };
    let order = match order == Default::default() {
        true => String::new(),
        false => match order.by {
            Subject::BuiltIn(attribute) => format!(" by {} {direction}", attribute.name()),
            Subject::Custom(attribute) => format!(" by #{} {direction}", attribute.id),
        },
    };
    Ok(format!("{}{order}", show(&filter)))
}

/// A tree as one line.
fn show(filter: &Filter) -> String {
    let joined = |filters: &[Filter], word: &str| {
        let parts: Vec<String> = filters.iter().map(show).collect();
        format!("({})", parts.join(word))
    };
    match filter {
        Filter::All => "all".to_owned(),
        Filter::Not(filter) => format!("!{}", show(filter)),
        Filter::And(filters) => joined(filters, " & "),
        Filter::Or(filters) => joined(filters, " | "),
        Filter::Is(attribute, test) => format!("{}{}", attribute.name(), show_test(test)),
        Filter::Has(attribute, test) => format!("#{}{}", attribute.id, show_test(test)),
    }
}

fn show_test(test: &Test) -> String {
    let value = |value: &Value| match value {
        Value::Int(number) => number.to_string(),
        Value::Double(number) => format!("{:?}", number.get()),
        Value::Text(text) => format!("{text:?}"),
    };
    match test {
        Test::Compare(comparison, other) => {
            let sign = match comparison {
                Comparison::Equal => "=",
                Comparison::NotEqual => "!=",
                Comparison::Less => "<",
                Comparison::LessOrEqual => "<=",
                Comparison::Greater => ">",
                Comparison::GreaterOrEqual => ">=",
            };
            format!("{sign}{}", value(other))
        }
        Test::In(values) => {
            let values: Vec<String> = values.iter().map(value).collect();
            format!(" in [{}]", values.join(","))
        }
        Test::Between(from, to) => format!(" in {}..{}", value(from), value(to)),
        Test::StartsWith(prefix) => format!("={prefix:?}…"),
        Test::IsNull => " is null".to_owned(),
    }
}

#[test]
fn vis_01_filters_are_read_as_meant() {
    for (text, tree) in [
        ("", "all"),
        (" \n ", "all"),
        ("WorkflowId = 'a'", r#"WorkflowId="a""#),
        ("WorkflowId='a'", r#"WorkflowId="a""#),
        ("`WorkflowId` != \"a\"", r#"WorkflowId!="a""#),
        ("RunId <> 'a'", r#"RunId!="a""#),
        (
            "WorkflowType < 'a' and WorkflowType <= 'b' AND WorkflowType > 'c' And WorkflowType >= 'd'",
            r#"(WorkflowType<"a" & WorkflowType<="b" & WorkflowType>"c" & WorkflowType>="d")"#,
        ),
        // AND before OR, NOT before both.
        (
            "TaskQueue='a' OR TaskQueue='b' AND TaskQueue='c'",
            r#"(TaskQueue="a" | (TaskQueue="b" & TaskQueue="c"))"#,
        ),
        (
            "(TaskQueue='a' OR TaskQueue='b') AND TaskQueue='c'",
            r#"((TaskQueue="a" | TaskQueue="b") & TaskQueue="c")"#,
        ),
        (
            "NOT TaskQueue='a' AND NOT (TaskQueue='b' or not TaskQueue='c')",
            r#"(!TaskQueue="a" & !(TaskQueue="b" | !TaskQueue="c"))"#,
        ),
        ("((TaskQueue='a'))", r#"TaskQueue="a""#),
        ("WorkflowId IN ('a', \"b\")", r#"WorkflowId in ["a","b"]"#),
        ("WorkflowId not in ('a')", r#"!WorkflowId in ["a"]"#),
        (
            "WorkflowId BETWEEN 'a' AND 'b' AND RunId BETWEEN 'c' and 'd'",
            r#"(WorkflowId in "a".."b" & RunId in "c".."d")"#,
        ),
        (
            "HistoryLength NOT BETWEEN -1 AND +5",
            "!HistoryLength in -1..5",
        ),
        ("WorkflowId STARTS_WITH 'order-'", r#"WorkflowId="order-"…"#),
        ("WorkflowId NOT starts_with ''", r#"!WorkflowId=""…"#),
        ("ParentWorkflowId IS NULL", "ParentWorkflowId is null"),
        ("RootRunId is not null", "!RootRunId is null"),
        // Text.
        (r#"WorkflowId = 'it\'s'"#, r#"WorkflowId="it's""#),
        ("WorkflowId = 'it''s'", r#"WorkflowId="it's""#),
        (r#"WorkflowId = "say \"x\"""#, r#"WorkflowId="say \"x\"""#),
        (r#"WorkflowId = 'a\\b\nc\zd'"#, r#"WorkflowId="a\\b\nczd""#),
        ("WorkflowId = 'AND OR ) ü'", r#"WorkflowId="AND OR ) ü""#),
        // Statuses.
        ("ExecutionStatus = 'Running'", "ExecutionStatus=1"),
        ("ExecutionStatus != 2", "ExecutionStatus!=2"),
        (
            "ExecutionStatus IN ('Failed', 'Canceled', 'Terminated', 'ContinuedAsNew', 'TimedOut', 'Paused', 2)",
            "ExecutionStatus in [3,4,5,6,7,8,2]",
        ),
        (
            "ExecutionStatus = 'WORKFLOW_EXECUTION_STATUS_COMPLETED'",
            "ExecutionStatus=2",
        ),
        // Times.
        (
            "StartTime >= '1970-01-01T00:00:01Z'",
            "StartTime>=1000000000",
        ),
        (
            "CloseTime < '1970-01-01T01:00:00.123456789+01:00'",
            "CloseTime<123456000",
        ),
        ("ExecutionTime = 1234567", "ExecutionTime=1234000"),
        ("StartTime > now()", "StartTime>1767225600000000000"),
        ("StartTime > NOW() - 1h30m", "StartTime>1767220200000000000"),
        ("StartTime < NOW()+1d", "StartTime<1767312000000000000"),
        // Durations and numbers.
        (
            "ExecutionDuration > '1h'",
            "ExecutionDuration>3600000000000",
        ),
        (
            "ExecutionDuration > '00:00:01'",
            "ExecutionDuration>1000000000",
        ),
        ("ExecutionDuration <= 5000", "ExecutionDuration<=5000"),
        (
            "ExecutionDuration < '-1.5s'",
            "ExecutionDuration<-1500000000",
        ),
        ("HistoryLength > 5.0", "HistoryLength>5"),
        ("HistorySizeBytes > 1e3", "HistorySizeBytes>1000"),
        ("HistorySizeBytes > 1.5e+3", "HistorySizeBytes>1500"),
        ("HistoryLength = - 5", "HistoryLength=-5"),
        // Orders.
        ("ORDER BY StartTime", "all by StartTime up"),
        ("order by CloseTime desc", "all by CloseTime down"),
        ("ORDER BY StartTime DESC", "all"),
        (
            "WorkflowId='a' ORDER BY `HistoryLength` ASC",
            r#"WorkflowId="a" by HistoryLength up"#,
        ),
    ] {
        assert_eq!(read(text).as_deref(), Ok(tree), "{text}");
    }
}

#[test]
fn vis_04_search_attributes_are_compared_as_their_types_want() {
    for (text, tree) in [
        ("Color = 'red'", r#"#2="red""#),
        ("Color != 'red'", r#"#2!="red""#),
        ("Color IN ('red', 'blue')", r#"#2 in ["red","blue"]"#),
        ("Color STARTS_WITH 're'", r#"#2="re"…"#),
        ("Color BETWEEN 'a' AND 'b'", r#"#2 in "a".."b""#),
        ("Color IS NULL", "#2 is null"),
        ("`Ship to` IS NOT NULL", "!#8 is null"),
        ("Amount >= -5", "#3>=-5"),
        ("Amount NOT BETWEEN 1 AND 2", "!#3 in 1..2"),
        ("Price > 5", "#4>5.0"),
        ("Price IN (0.5, 1e3)", "#4 in [0.5,1000.0]"),
        ("Paid = true", "#5=1"),
        ("Paid != FALSE", "#5!=0"),
        ("Paid = 'true'", "#5=1"),
        ("DueAt < '1970-01-01T00:00:01Z'", "#6<1000000000"),
        ("DueAt > NOW()", "#6>1767225600000000000"),
        // Of a list, any member.
        ("Tags = 'a'", r#"#7="a""#),
        ("Tags != 'a'", r#"!#7="a""#),
        ("Tags NOT IN ('a', 'b')", r#"!#7 in ["a","b"]"#),
        // Of a text, any word.
        ("Notes = 'Red bicycle!'", r#"#1 in ["red","bicycle"]"#),
        ("Notes != 'red'", r#"!#1 in ["red"]"#),
        ("Notes = '...'", "#1 in []"),
        ("Notes IS NOT NULL", "!#1 is null"),
        (
            "TemporalReportedProblems IN ('category=WorkflowTaskFailed')",
            r#"#9 in ["category=WorkflowTaskFailed"]"#,
        ),
        (
            "Color = 'red' AND (Amount = 1 OR WorkflowType = 'a')",
            r##"(#2="red" & (#3=1 | WorkflowType="a"))"##,
        ),
        ("ORDER BY Color", "all by #2 up"),
        (
            "WorkflowType = 'a' ORDER BY `Ship to` desc",
            r#"WorkflowType="a" by #8 down"#,
        ),
    ] {
        assert_eq!(read(text).as_deref(), Ok(tree), "{text}");
    }
}

#[test]
fn vis_04_errors_on_search_attributes_say_where_and_what() {
    for (text, position, part) in [
        (
            "Shape = 'round'",
            1,
            "Shape is no attribute of this namespace; there are Amount, Color",
        ),
        ("color = 'red'", 1, "did you mean Color?"),
        ("Color = true", 9, "Color is compared with text in quotes"),
        ("Color = 5", 9, "text in quotes, such as 'order-1'; found 5"),
        ("Amount = 5.5", 10, "a whole number; found 5.5"),
        ("Amount = '5'", 10, "a whole number"),
        (
            "Amount STARTS_WITH '5'",
            8,
            "Amount has the comparisons =, !=, <",
        ),
        ("Price = 'x'", 9, "Price is compared with a number"),
        ("Price = 1e999", 9, "a number"),
        (
            "Paid = 1",
            8,
            "Paid is compared with true or false; found 1",
        ),
        ("Paid > true", 6, "Paid has the comparisons =, !=, IN"),
        ("DueAt > 'noon'", 9, "a time such as"),
        ("Tags > 'a'", 6, "Tags has the comparisons =, !=, IN"),
        ("Tags BETWEEN 'a' AND 'b'", 6, "has the comparisons"),
        ("Tags STARTS_WITH 'a'", 6, "has the comparisons"),
        ("Notes > 'a'", 7, "look for any of the words"),
        ("Notes IN ('a')", 7, "look for any of the words"),
        ("Notes STARTS_WITH 'a'", 7, "look for any of the words"),
        ("Notes = 5", 9, "words in quotes"),
        ("ORDER BY Notes", 10, "several values of Notes"),
        ("ORDER BY Tags DESC", 10, "several values of Tags"),
    ] {
        let error = read(text).unwrap_err();
        assert_eq!(error.position, position, "{text}: {error}");
        assert!(error.message.contains(part), "{text}: {error}");
    }
}

#[test]
fn names_of_the_server_cannot_be_taken() {
    for name in ["WorkflowId", "workflowid", "BuildIds", "TemporalAnything"] {
        assert!(is_reserved(name), "{name}");
    }
    assert!(!is_reserved("Color"));
}

#[test]
fn vis_01_errors_say_where_and_what() {
    for (text, position, part) in [
        // Attributes.
        ("Colour = 'red'", 1, "Colour is no attribute"),
        ("workflowid = 'a'", 1, "did you mean WorkflowId?"),
        (
            "TemporalChangeVersion = 'a'",
            1,
            "TemporalChangeVersion is not served",
        ),
        (
            "TaskQueue='a' AND buildids = 'x'",
            19,
            "BuildIds is not served",
        ),
        (
            "'WorkflowId' = 'a'",
            1,
            "expected an attribute such as WorkflowType, found 'WorkflowId'",
        ),
        ("AND WorkflowId = 'a'", 1, "expected an attribute"),
        ("lower(WorkflowId) = 'a'", 1, "there is no function lower"),
        // Syntax.
        ("WorkflowId ~ 'a'", 12, "~ means nothing here"),
        ("WorkflowId = 'a", 14, "no closing '"),
        ("`WorkflowId = 'a'", 1, "no closing `"),
        (
            "(WorkflowId = 'a'",
            18,
            "closing parenthesis, found the end",
        ),
        (
            "WorkflowId = 'a')",
            17,
            "expected AND, OR or the end, found )",
        ),
        (
            "WorkflowId = 'a' WorkflowId = 'b'",
            18,
            "expected AND, OR or the end, found WorkflowId",
        ),
        ("WorkflowId =", 13, "found the end"),
        ("WorkflowId", 11, "expected a comparison"),
        ("WorkflowId = 'a' AND", 21, "found the end"),
        ("WorkflowId IN 'a'", 15, "expected a list"),
        ("WorkflowId IN ()", 16, "expected a value, found )"),
        (
            "WorkflowId IN ('a' 'b')",
            20,
            "a comma or a closing parenthesis",
        ),
        (
            "WorkflowId NOT = 'a'",
            16,
            "expected IN, BETWEEN or STARTS_WITH",
        ),
        ("WorkflowId IS 'a'", 15, "expected NULL"),
        ("WorkflowId BETWEEN 'a', 'b'", 23, "expected AND"),
        ("WorkflowId LIKE 'a%'", 12, "use STARTS_WITH"),
        ("WorkflowId NOT LIKE 'a%'", 16, "use STARTS_WITH"),
        ("WorkflowId = 'a' LIMIT 5", 18, "there is no LIMIT"),
        ("GROUP BY ExecutionStatus", 1, "a list has no groups"),
        ("ORDER BY", 9, "expected an attribute"),
        (
            "ORDER BY StartTime, CloseTime",
            19,
            "sorted by one attribute",
        ),
        ("ORDER BY StartTime DESC ASC", 25, "found ASC"),
        ("ORDER BY starttime", 10, "did you mean StartTime?"),
        // Values.
        ("WorkflowId = a", 14, "text is written in quotes: 'a'"),
        (
            "WorkflowId = 5",
            14,
            "WorkflowId is compared with text in quotes",
        ),
        ("WorkflowId STARTS_WITH 5", 24, "text in quotes"),
        ("WorkflowId IN ('a', 5)", 21, "found 5"),
        (
            "ExecutionStatus = 'Fine'",
            19,
            "'Fine' is no status; there are 'Running'",
        ),
        ("ExecutionStatus = 'running'", 19, "did you mean 'Running'?"),
        ("ExecutionStatus = 9", 19, "a status such as"),
        (
            "StartTime > 'noon'",
            13,
            "a time such as '2026-01-31T08:00:00Z'",
        ),
        ("StartTime > NOW", 16, "parentheses of NOW()"),
        ("StartTime > NOW() - '1h'", 21, "1h30m (no quotes)"),
        ("StartTime > NOW() - 1x", 21, "a duration"),
        ("StartTime > 1h", 13, "found 1h"),
        ("WorkflowId = NOW()", 14, "found NOW()"),
        (
            "ExecutionDuration > 'soon'",
            21,
            "a duration such as '1h30m'",
        ),
        ("HistoryLength > '5'", 17, "a whole number; found '5'"),
        ("HistoryLength > 5.5", 17, "a whole number; found 5.5"),
        ("HistoryLength > - 'x'", 19, "expected a number"),
        // Comparisons.
        (
            "ExecutionStatus > 'Running'",
            17,
            "ExecutionStatus has the comparisons =, !=, IN",
        ),
        ("ExecutionStatus BETWEEN 1 AND 2", 17, "has the comparisons"),
        ("ExecutionStatus STARTS_WITH 'R'", 17, "has the comparisons"),
        (
            "StartTime NOT STARTS_WITH 'R'",
            15,
            "StartTime has the comparisons =, !=, <",
        ),
    ] {
        let error = read(text).unwrap_err();
        assert_eq!(error.position, position, "{text}: {error}");
        assert!(error.message.contains(part), "{text}: {error}");
    }
}

#[test]
fn positions_count_characters() {
    let error = read("WorkflowId = 'äöü' ! 'a'").unwrap_err();
    assert_eq!(error.position, 20);
    assert!(
        error
            .to_string()
            .starts_with("invalid query at character 20: ")
    );
}

#[test]
fn what_is_too_large_is_refused_by_the_name_of_its_limit() {
    let repeated = |text: &str, times| text.repeat(times);
    let deep = format!("{}WorkflowId='a'", repeated("(", 51));
    let many_nots = format!("{}WorkflowId='a'", repeated("NOT ", 51));
    let many_values = format!("WorkflowId IN ({}'a')", repeated("'a',", 1_000));
    let long = format!("WorkflowId = '{}'", repeated("ä", 16_400));
    for (text, position, limit) in [
        (deep, 51, "deeper than 50 (limit filter-depth)"),
        (many_nots, 201, "deeper than 50 (limit filter-depth)"),
        (
            many_values,
            4_016,
            "more than 1000 values in one IN (limit filter-values)",
        ),
        (long, 16_392, "32768 are allowed (limit filter-bytes)"),
    ] {
        let error = read(&text).unwrap_err();
        assert!(error.message.contains(limit), "{error}");
        assert_eq!(error.position, position, "{error}");
    }
    let just_fits = format!("{}WorkflowId='a'{}", repeated("(", 50), repeated(")", 50));
    assert!(read(&just_fits).is_ok());
}

#[test]
fn vis_02_counts_by_status() {
    let limits = Limits::default();
    let context = Context {
        limits: &limits,
        now: Timestamp::EPOCH,
        attributes: &known(),
    };
    assert_eq!(
        parse_count("GROUP BY ExecutionStatus", context).unwrap(),
        (Filter::All, GroupBy::ExecutionStatus)
    );
    let (_, group_by) =
        parse_count("WorkflowId = 'a' group by `ExecutionStatus`", context).unwrap();
    assert_eq!(group_by, GroupBy::ExecutionStatus);
    for (text, position, part) in [
        (
            "GROUP BY WorkflowType",
            10,
            "the only attribute to group by",
        ),
        ("GROUP ExecutionStatus", 7, "expected BY"),
        ("ORDER BY StartTime", 1, "a count has no order"),
        (
            "GROUP BY ExecutionStatus ORDER BY StartTime",
            26,
            "a count has no order",
        ),
    ] {
        let error = parse_count(text, context).unwrap_err();
        assert_eq!(error.position, position, "{text}: {error}");
        assert!(error.message.contains(part), "{text}: {error}");
    }
}

#[test]
fn any_text_is_read_or_refused_within_itself() {
    const PIECES: [&str; 33] = [
        "WorkflowId",
        "StartTime",
        "ExecutionStatus",
        "HistoryLength",
        "`RunId`",
        "Color",
        "Tags",
        "=",
        "!=",
        "<>",
        ">=",
        "(",
        ")",
        ",",
        "+",
        "-",
        "'a'",
        "\"ä",
        "'",
        "`",
        "\\",
        "5",
        "1h",
        "1e",
        "1.5.",
        "NOW",
        "NOT",
        "IN",
        "BETWEEN",
        "AND",
        "OR",
        "ORDER BY",
        "IS NULL",
    ];
    let mut state: u64 = 88_172_645_463_325_252;
    for _ in 0..20_000 {
        let mut text = String::new();
        loop {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            if state.is_multiple_of(8) {
                break;
            }
            text.push_str(PIECES[(state >> 8) as usize % PIECES.len()]);
            text.push_str(["", " "][(state >> 20) as usize % 2]);
        }
        if let Err(error) = read(&text) {
            let positions = 1..=text.chars().count() + 1;
            assert!(positions.contains(&error.position), "{text}: {error}");
        }
    }
}
