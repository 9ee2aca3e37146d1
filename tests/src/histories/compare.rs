//! Texts beside the files that are kept of them.

use std::path::Path;

/// Whoever sets it wants the files written anew.
const BLESS: &str = "MAINSPRING_BLESS";
/// Lines of context around a difference.
const CONTEXT: usize = 3;

/// Compares a text with a file, or writes the file where that is asked for.
pub(super) fn check(file: &Path, text: &str) -> Result<(), String> {
    let name = file.display();
    if std::env::var_os(BLESS).is_some() {
        return std::fs::write(file, text).map_err(|error| format!("{name}: {error}"));
    }
    let kept = std::fs::read_to_string(file)
        .map_err(|error| format!("{name}: {error}; {BLESS}=1 writes it"))?;
    if kept == text {
        return Ok(());
    }
    Err(format!(
        "{name} tells another story (- kept, + told now; {BLESS}=1 takes the new one):\n{}",
        difference(&kept, text)
    ))
}

/// One line of a difference.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Line<'a> {
    Both(&'a str),
    Kept(&'a str),
    Told(&'a str),
}

/// Two texts line by line: what is only in the first with `-`, what is only in the
/// second with `+`, and a few lines around.
pub(super) fn difference(kept: &str, told: &str) -> String {
    let lines = lines(kept, told);
    let differs = |line: &Line<'_>| !matches!(line, Line::Both(_));
    let near = |place: usize| {
        let from = place.saturating_sub(CONTEXT);
        let to = (place + CONTEXT + 1).min(lines.len());
        lines[from..to].iter().any(differs)
    };
    let mut text = String::new();
    let mut left_out = false;
    for (place, line) in lines.iter().enumerate() {
        if !near(place) {
            left_out = true;
            continue;
        }
        if std::mem::take(&mut left_out) {
            text += "  …\n";
        }
        let (sign, line) = match line {
            Line::Both(line) => (' ', line),
            Line::Kept(line) => ('-', line),
            Line::Told(line) => ('+', line),
        };
        text += &format!("{sign} {line}\n");
    }
    text
}

/// The shortest way from one text to the other, by the table of common lines.
fn lines<'a>(kept: &'a str, told: &'a str) -> Vec<Line<'a>> {
    let kept: Vec<&str> = kept.lines().collect();
    let told: Vec<&str> = told.lines().collect();
    // `common[i][j]`: lines in common of what is left from i and from j on.
    let mut common = vec![vec![0_usize; told.len() + 1]; kept.len() + 1];
    for i in (0..kept.len()).rev() {
        for j in (0..told.len()).rev() {
            common[i][j] = if kept[i] == told[j] {
                common[i + 1][j + 1] + 1
            } else {
                common[i + 1][j].max(common[i][j + 1])
            };
        }
    }
    let (mut i, mut j) = (0, 0);
    let mut lines = Vec::new();
    while i < kept.len() || j < told.len() {
        if i < kept.len() && j < told.len() && kept[i] == told[j] {
            lines.push(Line::Both(kept[i]));
            (i, j) = (i + 1, j + 1);
        } else if i < kept.len() && (j == told.len() || common[i + 1][j] >= common[i][j + 1]) {
            lines.push(Line::Kept(kept[i]));
            i += 1;
        } else {
            lines.push(Line::Told(told[j]));
            j += 1;
        }
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_difference_shows_what_changed_and_a_little_around_it() {
        let kept = "1\n2\n3\n4\n5\n6\n7\n8\n";
        let told = "1\n2\n3\n4\n5\nsix\n7\n8\n9\n";
        let expected = "  …\n  3\n  4\n  5\n- 6\n+ six\n  7\n  8\n+ 9\n";
        assert_eq!(difference(kept, told), expected);
    }
}
