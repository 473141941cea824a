//! Tables of characters: columns that align, folded where the terminal is narrow, never cut.

use crate::text::paragraph;

/// On which side of their columns the cells stand.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Side {
    /// Names to the right, beside what is said of them to the left.
    Names,
    Left,
    Right,
    /// Names to the left, numbers to the right; without an indent.
    List,
}

/// Least room for words that are wrapped inside their column.
const LEAST: usize = 16;

/// Appends `rows`, names to the right and the other cells to the left, in lines of `width`
/// characters.
pub(crate) fn table(text: &mut String, rows: &[impl AsRef<[String]>], width: usize) {
    on_side(text, rows, width, Side::Names);
}

/// Appends `rows`, the first of which may be a head. Each column is as wide as its widest cell.
/// Where a line has no room for all, the words of the last column are wrapped, and notes in a last
/// column without a head stand below their rows; where that does not help, the columns that follow
/// stand below, behind the first one again.
pub(crate) fn on_side(text: &mut String, rows: &[impl AsRef<[String]>], width: usize, side: Side) {
    let count = rows.iter().map(|row| row.as_ref().len()).max().unwrap_or(0);
    let indent = if side == Side::List { 0 } else { 2 };
    let widths: Vec<usize> = (0..count).map(|column| wide(rows, column)).collect();
    let used = |columns: &[usize]| {
        columns.iter().map(|&column| widths[column] + 2).sum::<usize>() + indent - 2
    };
    let all: Vec<usize> = (0..count).collect();
    let fits = |columns: &[usize]| used(columns) <= width;
    let end = count.saturating_sub(1);
    let cells = rows.iter().filter_map(|row| row.as_ref().get(end));
    // Words that belong together by more than a blank do not wrap.
    let is_prose = cells.clone().any(|cell| cell.split_whitespace().count() > 3)
        && !cells.clone().any(|cell| cell.trim().contains("  "));
    let is_note = count > 2 && rows[0].as_ref().get(end).is_none_or(String::is_empty);
    let wraps = |before: &[usize]| is_prose && used(before) + 2 + LEAST <= width;
    let mut blocks: Vec<Vec<usize>> = Vec::new();
    let mut below = None;
    if fits(&all) || count < 2 || wraps(&all[..end]) {
        blocks.push(all);
    } else {
        let most = if is_note { end } else { count };
        let mut block = vec![0];
        for column in 1..most {
            let more = [&block[..], &[column]].concat();
            if block.len() == 1 || fits(&more) || column == end && wraps(&block) {
                block = more;
            } else {
                blocks.push(std::mem::replace(&mut block, vec![0, column]));
            }
        }
        if is_note {
            let more = [&block[..], &[end]].concat();
            if fits(&more) || wraps(&block) { block = more } else { below = Some(end) }
        }
        blocks.push(block);
    }
    let lasts = blocks.len().saturating_sub(1);
    for (number, columns) in blocks.iter().enumerate() {
        if number > 0 {
            text.push('\n');
        }
        let Some((&last, before)) = columns.split_last() else { continue };
        let room = width.saturating_sub(used(before) + 2).max(LEAST);
        for row in rows {
            let cell = |column: usize| row.as_ref().get(column).map_or("", String::as_str);
            let mut lines = wrapped(cell(last), room).into_iter();
            let mut line = " ".repeat(indent);
            for &column in before {
                line += &placed(cell(column), widths[column], right(side, column));
                line += "  ";
            }
            let start = line.chars().count();
            let first = lines.next().unwrap_or_default();
            line += &placed(&first, widths[last].min(room), right(side, last));
            text.push_str(line.trim_end());
            text.push('\n');
            for more in lines {
                text.push_str(&" ".repeat(start));
                text.push_str(&more);
                text.push('\n');
            }
            if let (Some(note), true) = (below, number == lasts) {
                paragraph(text, indent + widths[0] + 2, cell(note), width);
            }
        }
    }
}

fn wide(rows: &[impl AsRef<[String]>], column: usize) -> usize {
    // A row of one cell is a heading, which may run on.
    let own = rows.iter().map(AsRef::as_ref).filter(|row| row.len() > 1 || rows.len() == 1);
    let cells = own.filter_map(|row| row.get(column));
    cells.map(|cell| cell.chars().count()).max().unwrap_or_default()
}

fn right(side: Side, column: usize) -> bool {
    match side {
        Side::Names => column == 0,
        Side::Left => false,
        Side::Right => true,
        Side::List => column > 0,
    }
}

fn placed(cell: &str, width: usize, right: bool) -> String {
    if right { format!("{cell:>width$}") } else { format!("{cell:<width$}") }
}

/// The lines of a cell that is at most `room` wide, but for words that are wider.
fn wrapped(cell: &str, room: usize) -> Vec<String> {
    if cell.chars().count() <= room {
        return vec![cell.to_owned()];
    }
    let mut text = String::new();
    paragraph(&mut text, 0, cell, room);
    text.lines().map(str::to_owned).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(width: usize, side: Side, rows: &[&[&str]]) -> String {
        let rows: Vec<Vec<String>> =
            rows.iter().map(|row| row.iter().map(|&cell| cell.to_owned()).collect()).collect();
        let mut text = String::new();
        on_side(&mut text, &rows, width, side);
        text
    }

    #[test]
    fn what_fits_is_one_table() {
        let rows: [&[&str]; 3] =
            [&["", "N", "loss"], &["plan", "4.41 M", "0.7101"], &["20:1", "6 M"]];
        assert_eq!(
            shown(24, Side::Names, &rows),
            "        N       loss\n  plan  4.41 M  0.7101\n  20:1  6 M\n"
        );
        assert_eq!(
            shown(24, Side::List, &rows),
            "           N    loss\nplan  4.41 M  0.7101\n20:1     6 M\n"
        );
    }

    #[test]
    fn columns_that_have_no_room_stand_below_behind_the_names() {
        let rows: [&[&str]; 2] = [&["", "N", "D", "loss"], &["plan", "4.41 M", "190 M", "0.7101"]];
        assert_eq!(
            shown(22, Side::Names, &rows),
            "        N       D\n  plan  4.41 M  190 M\n\n        loss\n  plan  0.7101\n"
        );
    }

    #[test]
    fn notes_without_a_head_stand_below_their_rows() {
        let rows: [&[&str]; 3] = [
            &["C", "loss", ""],
            &["1e12", "2.324 (2.308 to 2.339)"],
            &["1e15", "0.778", "10x outside"],
        ];
        assert_eq!(
            shown(30, Side::Names, &rows),
            "     C  loss\n  1e12  2.324 (2.308 to 2.339)\n  1e15  0.778\n        10x outside\n"
        );
    }

    #[test]
    fn prose_at_the_end_is_wrapped_in_its_column() {
        let rows: [&[&str]; 2] =
            [&["E", "0.53", "what no model gets below"], &["A", "39", "coefficient"]];
        assert_eq!(
            shown(30, Side::Names, &rows),
            "  E  0.53  what no model gets\n           below\n  A  39    coefficient\n"
        );
        // Nothing is cut even where nothing fits.
        let narrow = shown(8, Side::Left, &rows);
        for word in "E 0.53 what no model gets below A 39 coefficient".split(' ') {
            assert!(narrow.contains(word), "{word}: {narrow}");
        }
    }
}
