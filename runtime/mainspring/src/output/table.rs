//! Aligned text: tables with a header, and sheets of name and value.

use super::text::clean;

/// Between two columns.
const GAP: &str = "  ";

/// Rows under a header.
pub(crate) struct Table<const N: usize> {
    header: Option<[&'static str; N]>,
    rows: Vec<[String; N]>,
    widths: [usize; N],
}

impl<const N: usize> Table<N> {
    /// An empty table.
    pub(crate) fn new(header: [&'static str; N]) -> Self {
        Self {
            header: Some(header),
            rows: Vec::new(),
            widths: header.map(|title| title.chars().count()),
        }
    }

    /// Adds a row. Control characters become spaces, so a name chosen by
    /// somebody else cannot break the table or steer the terminal.
    pub(crate) fn row(&mut self, cells: [String; N]) {
        self.rows.push(cells.map(|cell| clean(&cell)));
    }

    /// The table as lines; the header stands even over no rows.
    pub(crate) fn render(mut self) -> String {
        self.take_lines()
    }

    /// The rows so far as lines, under the header the first time: a table that comes
    /// in pages. Columns are as wide as what was seen so far.
    pub(crate) fn take_lines(&mut self) -> String {
        let rows = std::mem::take(&mut self.rows);
        for row in &rows {
            for (width, cell) in self.widths.iter_mut().zip(row) {
                *width = (*width).max(cell.chars().count());
            }
        }
        let mut text = String::new();
        let header = self.header.take().map(|titles| titles.map(str::to_owned));
        for row in header.iter().chain(&rows) {
            let cells: Vec<String> = row
                .iter()
                .zip(self.widths)
                .map(|(cell, width)| format!("{cell:<width$}"))
                .collect();
            text.push_str(cells.join(GAP).trim_end());
            text.push('\n');
        }
        text
    }
}

/// Names and values below each other; empty values are left out.
pub(crate) struct Details {
    entries: Vec<(String, String)>,
    indent: &'static str,
}

impl Details {
    /// An empty sheet.
    pub(crate) fn new() -> Self {
        Self {
            entries: Vec::new(),
            indent: "",
        }
    }

    /// An empty sheet that stands under a heading.
    pub(crate) fn indented() -> Self {
        Self {
            entries: Vec::new(),
            indent: "  ",
        }
    }

    /// Adds one entry, unless its value is empty.
    pub(crate) fn add(&mut self, name: impl Into<String>, value: impl AsRef<str>) {
        let value = clean(value.as_ref());
        if !value.is_empty() {
            self.entries.push((name.into(), value));
        }
    }

    /// The sheet as lines.
    pub(crate) fn render(&self) -> String {
        let names = self.entries.iter().map(|(name, _)| name.chars().count());
        let width = names.max().unwrap_or(0);
        let mut text = String::new();
        for (name, value) in &self.entries {
            text.push_str(&format!("{}{name:<width$}{GAP}{value}\n", self.indent));
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_line_up_and_lines_end_at_their_text() {
        let mut table = Table::new(["Status", "WorkflowId"]);
        table.row(["Running".to_owned(), "a".to_owned()]);
        table.row(["Failed".to_owned(), "order-7\u{1b}[2J\n".to_owned()]);
        assert_eq!(
            table.render(),
            "Status   WorkflowId\nRunning  a\nFailed   order-7 [2J\n"
        );
    }

    #[test]
    fn a_table_that_comes_in_pages_has_one_header() {
        let mut table = Table::new(["Status", "WorkflowId"]);
        table.row(["Running".to_owned(), "a".to_owned()]);
        assert_eq!(table.take_lines(), "Status   WorkflowId\nRunning  a\n");
        table.row(["Failed".to_owned(), "b".to_owned()]);
        assert_eq!(table.take_lines(), "Failed   b\n");
        assert_eq!(table.take_lines(), "");
    }

    #[test]
    fn details_skip_what_is_empty() {
        let mut details = Details::indented();
        details.add("Type", "OrderWorkflow");
        details.add("CloseTime", "");
        details.add("Attempt", "3");
        assert_eq!(details.render(), "  Type     OrderWorkflow\n  Attempt  3\n");
    }
}
