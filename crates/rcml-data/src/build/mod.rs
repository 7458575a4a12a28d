//! Builders of datasets in the neutral format.
