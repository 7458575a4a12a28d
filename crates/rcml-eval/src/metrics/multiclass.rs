//! Several classes: accuracy, top-k accuracy, macro recall and macro F1.

use super::MetricError;

/// Predicted against true classes, counted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Confusion {
    classes: usize,
    /// `[true, predicted]`, row-major.
    counts: Vec<usize>,
}

impl Confusion {
    /// Counts pairs (predicted, true) of classes below `classes`.
    ///
    /// # Errors
    /// Slices of different lengths, nothing, or a class beyond the last.
    pub fn new(predicted: &[usize], truth: &[usize], classes: usize) -> Result<Self, MetricError> {
        MetricError::same_length("true classes", truth.len(), predicted.len())?;
        MetricError::at_least("predictions", predicted.len(), 1)?;
        let mut counts = vec![0; classes * classes];
        for (&predicted, &truth) in predicted.iter().zip(truth) {
            if predicted >= classes || truth >= classes {
                let found = predicted.max(truth);
                return Err(MetricError::Argument {
                    what: "class",
                    found,
                    expected: "less than the number of classes",
                });
            }
            counts[truth * classes + predicted] += 1;
        }
        Ok(Self { classes, counts })
    }

    /// Share of right predictions.
    pub fn accuracy(&self) -> f64 {
        let right: usize = (0..self.classes).map(|c| self.right(c)).sum();
        right as f64 / self.counts.iter().sum::<usize>() as f64
    }

    /// Mean recall over the classes that occur (scikit-learn's `balanced_accuracy_score`).
    pub fn macro_recall(&self) -> f64 {
        let occurring: Vec<usize> = (0..self.classes).filter(|c| self.occurring(*c) > 0).collect();
        let recalls = occurring.iter().map(|&c| self.right(c) as f64 / self.occurring(c) as f64);
        recalls.sum::<f64>() / occurring.len() as f64
    }

    /// Mean F1 over the classes that occur or are predicted; a class never met both ways is no class of this test
    /// (scikit-learn's `f1_score(average="macro")` with its labels left to the data).
    pub fn macro_f1(&self) -> f64 {
        let known: Vec<usize> = (0..self.classes).filter(|c| self.occurring(*c) + self.predicted(*c) > 0).collect();
        let f1 = |&c: &usize| 2.0 * self.right(c) as f64 / (self.occurring(c) + self.predicted(c)) as f64;
        known.iter().map(f1).sum::<f64>() / known.len() as f64
    }

    fn right(&self, class: usize) -> usize {
        self.counts[class * self.classes + class]
    }

    fn occurring(&self, class: usize) -> usize {
        self.counts[class * self.classes..][..self.classes].iter().sum()
    }

    fn predicted(&self, class: usize) -> usize {
        (0..self.classes).map(|truth| self.counts[truth * self.classes + class]).sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rare_classes_weigh_as_much_as_common_ones() {
        let confusion = Confusion::new(&[0, 0, 0, 0], &[0, 0, 0, 1], 3).unwrap();
        assert_eq!((confusion.accuracy(), confusion.macro_recall()), (0.75, 0.5));
        assert!((confusion.macro_f1() - (6.0 / 7.0) / 2.0).abs() < 1e-12);
        assert!(Confusion::new(&[3], &[0], 3).unwrap_err().to_string().contains("found 3"));
        assert!(Confusion::new(&[], &[], 3).is_err());
    }
}
