//! Results that are written once, in parallel, without being zeroed first.

#![allow(unsafe_code, reason = "memory is taken for values once every task has shown that it wrote its part")]

use std::mem::MaybeUninit;

use rayon::prelude::*;

use crate::simd::vectorized;

/// A part of a result that nothing has been written to yet.
pub(crate) type Room = [MaybeUninit<f32>];

/// Makes M results of `rows` rows, `widths[m]` values a row, `task` rows a task; `f` gets the number of the task's first row
/// and its part of each result, and gives the parts back as values, with something of its own.
///
/// What the tasks are does not depend on the number of threads, and what they give stands in their order.
///
/// # Panics
/// If `f` gives back other memory than it was given.
pub(crate) fn by_rows<const M: usize, R: Send>(
    rows: usize,
    task: usize,
    widths: [usize; M],
    f: impl for<'a> Fn(usize, [&'a mut Room; M]) -> ([&'a mut [f32]; M], R) + Sync,
) -> ([Vec<f32>; M], Vec<R>) {
    let task = task.max(1);
    let mut results = widths.map(|width| Vec::<f32>::with_capacity(rows * width));
    let mut rooms: [&mut Room; M] = {
        let mut whole = results.iter_mut().zip(widths);
        std::array::from_fn(|_| match whole.next() {
            Some((result, width)) => &mut result.spare_capacity_mut()[..rows * width],
            None => &mut [],
        })
    };
    let mut parts = Vec::with_capacity(rows.div_ceil(task));
    for first in (0..rows).step_by(task) {
        let count = task.min(rows - first);
        let part: [&mut Room; M] = std::array::from_fn(|m| {
            let (part, rest) = std::mem::take(&mut rooms[m]).split_at_mut(count * widths[m]);
            rooms[m] = rest;
            part
        });
        parts.push((first, part));
    }
    let run = |(first, part): (usize, [&mut Room; M])| {
        let given = part.each_ref().map(|room| (room.as_ptr().cast::<f32>(), room.len()));
        let (written, own) = f(first, part);
        let same = written.each_ref().map(|values| (values.as_ptr(), values.len())) == given;
        assert!(same, "a task gives back the parts that it was given");
        own
    };
    let own = parts.into_par_iter().map(run).collect();
    for (result, width) in results.iter_mut().zip(widths) {
        // SAFETY: the tasks cover the first rows * width values, and each gave its part back as values; a task that panicked
        // has ended this function above.
        unsafe { result.set_len(rows * width) };
    }
    (results, own)
}

/// Writes the same value everywhere.
pub(crate) fn filled(room: &mut Room, value: f32) -> &mut [f32] {
    room.iter_mut().for_each(|place| {
        place.write(value);
    });
    // SAFETY: every value was written above.
    unsafe { room.assume_init_mut() }
}

/// Writes a row again and again.
pub(crate) fn repeated<'a>(room: &'a mut Room, row: &[f32]) -> &'a mut [f32] {
    assert!(room.is_empty() || !row.is_empty() && room.len().is_multiple_of(row.len()), "whole rows");
    for place in room.chunks_exact_mut(row.len().max(1)) {
        place.write_copy_of_slice(row);
    }
    // SAFETY: the chunks cover the room, which is a multiple of their length.
    unsafe { room.assume_init_mut() }
}

/// Writes f(x, y) of each pair of values, with the widest instructions that there are. `f` captures nothing that it would read
/// again for every value: a store might have changed it, for all that the compiler knows.
///
/// # Panics
/// If the lengths differ.
pub(crate) fn written<'a>(
    room: &'a mut Room,
    x: &[f32],
    y: &[f32],
    f: impl Fn(f32, f32) -> f32 + Copy,
) -> &'a mut [f32] {
    assert!(x.len() == room.len() && y.len() == room.len(), "values for every place");
    vectorized(
        #[inline(always)]
        || {
            let (x, y, f) = (x, y, f);
            for ((place, x), y) in room.iter_mut().zip(x).zip(y) {
                place.write(f(*x, *y));
            }
        },
    );
    // SAFETY: every value was written above, since all have the room's length.
    unsafe { room.assume_init_mut() }
}

/// Rows of a task: about `values` values of `width` each, and tasks of about the same size.
pub(crate) fn rows_of_a_task(rows: usize, width: usize, values: usize) -> usize {
    even(rows, (values / width.max(1)).max(1))
}

/// Rows of a task where all are about the same size and none is larger than `most`.
pub(crate) fn even(rows: usize, most: usize) -> usize {
    rows.div_ceil(rows.div_ceil(most.max(1)).max(1)).max(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_row_is_written_by_the_task_that_holds_it() {
        let ([a, b], firsts) = by_rows(10, 4, [2, 1], |first, [a, b]| {
            let numbers: Vec<f32> = (0..a.len()).map(|i| (first * 2 + i) as f32).collect();
            ([written(a, &numbers, &numbers, |x, _| x), filled(b, first as f32)], first)
        });
        assert_eq!(a, (0..20).map(|i| i as f32).collect::<Vec<_>>());
        assert_eq!(b, [0.0, 0.0, 0.0, 0.0, 4.0, 4.0, 4.0, 4.0, 8.0, 8.0]);
        assert_eq!(firsts, [0, 4, 8]);
        let ([empty], none) = by_rows(0, 4, [2], |_, [a]| ([filled(a, 0.0)], ()));
        assert!(empty.is_empty() && none.is_empty());
    }

    #[test]
    #[should_panic(expected = "gives back the parts")]
    fn a_part_that_was_not_written_is_noticed() {
        by_rows(2, 1, [1], |_, [_]| ([&mut [] as &mut [f32]], ()));
    }

    #[test]
    fn rows_repeat() {
        let ([a], _) = by_rows(3, 3, [2], |_, [a]| ([repeated(a, &[1.0, 2.0])], ()));
        assert_eq!(a, [1.0, 2.0, 1.0, 2.0, 1.0, 2.0]);
    }

    #[test]
    fn tasks_are_even() {
        assert_eq!([even(10, 4), even(8, 4), even(1, 4), even(0, 4)], [4, 4, 1, 1]);
        assert_eq!(even(392, 256), 196);
    }
}
