//! Where the projections are applied: before pooling or after it.

/// The two exact ways to compute relation attention.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Form {
    /// Chosen by the shape.
    #[default]
    Auto,
    /// W_K folded into the query, W_V applied to what was pooled: no token is projected.
    Folded,
    /// Every token projected to a key and a value, as textbooks have it.
    Projected,
}

impl Form {
    /// The form for N items of T tokens of width D under R relations with H heads.
    ///
    /// Multiply-adds per item: folded 2 T D R H to pool and 2 D^2 R for W_V and W_O; projected 2 T D^2 for keys and values,
    /// 2 T D R to attend and D^2 R for W_O. So folding loses when R H exceeds about D, or R about 2 T: with that many
    /// relations an item's tokens are fewer than what is pooled from them. (With one head W_V W_O is one product, and D^2 R
    /// is what W_V costs after pooling.)
    pub(crate) fn choose(self, [t, d, r, h]: [usize; 4]) -> Self {
        let [t, d, r, h] = [t, d, r, h].map(|x| x as f64);
        let folded = 2.0 * t * d * r * h + if h > 1.0 { 2.0 } else { 1.0 } * d * d * r;
        let projected = 2.0 * t * d * d + 2.0 * t * d * r + d * d * r;
        match self {
            Self::Auto if projected * ADVANTAGE < folded => Self::Projected,
            Self::Auto => Self::Folded,
            forced => forced,
        }
    }
}

/// How much faster a multiply-add of the folded form is: it reads each token once and writes neither keys nor values.
const ADVANTAGE: f64 = 1.5;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_shape_decides() {
        let chosen = |shape| Form::Auto.choose(shape);
        for shape in [[50, 512, 1, 1], [50, 512, 11, 1], [50, 512, 11, 8], [50, 512, 64, 1], [8, 192, 4, 1]] {
            assert_eq!(chosen(shape), Form::Folded, "{shape:?}");
        }
        for shape in [[50, 512, 256, 8], [50, 512, 128, 8], [197, 768, 512, 8]] {
            assert_eq!(chosen(shape), Form::Projected, "{shape:?}");
        }
        assert_eq!(Form::Projected.choose([50, 512, 1, 1]), Form::Projected);
    }
}
