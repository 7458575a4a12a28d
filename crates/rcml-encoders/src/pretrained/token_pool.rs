//! Fewer tokens for an item.

/// Rounds of Lloyd's algorithm; assignments of a few dozen tokens are settled before.
const ROUNDS: usize = 10;

/// An item's tokens `[t, W]`, the summary first, as the summary and at most `k` means of the others (k-means; Lloyd 1982). It starts
/// at the token farthest from the mean of all, then at each time the one farthest from those chosen (Gonzalez 1985), so that
/// nothing is random. 0 = all tokens as they are.
pub fn pool_tokens(tokens: Vec<f32>, width: usize, k: usize) -> Vec<f32> {
    let rows: Vec<&[f32]> = tokens.chunks_exact(width.max(1)).skip(1).collect();
    if k == 0 || rows.len() <= k {
        return tokens;
    }
    let mut centres = starts(&rows, width, k);
    let mut nearest = vec![usize::MAX; rows.len()];
    for _ in 0..ROUNDS {
        let now: Vec<usize> = rows.iter().map(|row| closest(row, &centres)).collect();
        if now == nearest {
            break;
        }
        nearest = now;
        for (number, centre) in centres.iter_mut().enumerate() {
            let own = rows.iter().zip(&nearest).filter(|(_, nearest)| **nearest == number).map(|(row, _)| *row);
            // One that lost all its tokens stays where it was.
            *centre = mean(own, width).unwrap_or_else(|| std::mem::take(centre));
        }
    }
    // In the order of their first token: a picture's means go from top to bottom.
    let mut order: Vec<usize> = (0..k).collect();
    order.sort_by_key(|number| nearest.iter().position(|nearest| nearest == number));
    let summary = tokens[..width].to_vec();
    order.into_iter().fold(summary, |mut out, number| {
        out.extend(&centres[number]);
        out
    })
}

fn starts(rows: &[&[f32]], width: usize, k: usize) -> Vec<Vec<f32>> {
    let middle = mean(rows.iter().copied(), width).unwrap_or_default();
    let mut far: Vec<f32> = rows.iter().map(|row| distance(row, &middle)).collect();
    let mut centres: Vec<Vec<f32>> = Vec::with_capacity(k);
    while centres.len() < k {
        let next = (0..rows.len()).max_by(|a, b| far[*a].total_cmp(&far[*b]).then(b.cmp(a))).unwrap_or(0);
        centres.push(rows[next].to_vec());
        for (row, far) in rows.iter().zip(&mut far) {
            let apart = distance(row, rows[next]);
            *far = if centres.len() == 1 { apart } else { far.min(apart) };
        }
    }
    centres
}

fn closest(row: &[f32], centres: &[Vec<f32>]) -> usize {
    let apart: Vec<f32> = centres.iter().map(|centre| distance(row, centre)).collect();
    (0..apart.len()).min_by(|a, b| apart[*a].total_cmp(&apart[*b])).unwrap_or(0)
}

fn mean<'a>(rows: impl Iterator<Item = &'a [f32]>, width: usize) -> Option<Vec<f32>> {
    let mut sum = vec![0.0; width];
    let mut count = 0.0;
    for row in rows {
        sum.iter_mut().zip(row).for_each(|(sum, value)| *sum += value);
        count += 1.0;
    }
    (count > 0.0).then(|| sum.into_iter().map(|sum| sum / count).collect())
}

fn distance(a: &[f32], b: &[f32]) -> f32 {
    a.iter().zip(b).map(|(a, b)| (a - b) * (a - b)).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn groups_become_their_means_and_the_summary_stays() {
        let tokens = vec![9.0, 9.0, 0.0, 0.0, 10.0, 0.2, 0.0, 0.2, 10.0, 0.0, 0.0, 0.1];
        let pooled = pool_tokens(tokens.clone(), 2, 2);
        let expected = [9.0, 9.0, 0.0, 0.1, 10.0, 0.1];
        assert!(pooled.len() == 6 && pooled.iter().zip(expected).all(|(a, b)| (a - b).abs() < 1e-6), "{pooled:?}");
        for k in [0, 5, 9] {
            assert_eq!(pool_tokens(tokens.clone(), 2, k), tokens);
        }
        // Equal tokens leave centres without any of their own.
        let same = pool_tokens(vec![1.0; 10], 2, 3);
        assert_eq!(same, vec![1.0; 8]);
    }
}
