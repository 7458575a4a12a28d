//! Published methods under their own names, a few lines each on top of [`contrast`](crate::contrast).
//!
//! Each says where its formula comes from: `code` = read in the authors' public code, `paper` = the published formula, `secondary` =
//! from a third party's account, `our definition` = the source fixes the mechanism but not the formula ("X-style").
//! docs/objectives.md has them all in one table.

mod geometry;
mod mixture;
mod negatives;
mod positives;
mod reconstruction;
mod relation;
mod several;
mod soft;
mod tree;
mod views;

pub use geometry::{
    GapGuard, alignment, barlow, byol_distance, cross_uniformity, cua, cua_terms, cuaxu, follow, kernel_joint_entropy,
    orthogonality, orthogonality_at, rafa, sep_clr, slap, spread, uniformity,
};
pub use mixture::{Mixture, m2_mix, m2_mix_half, m3col, mix_co, slerp};
pub use negatives::{Queue, bpr, clean_clip, extra_negatives, hcl, m3el, tcl_cross, tcl_intra, tcl_local, vse};
pub use positives::{dcl, info_nce, label_smoothing, mil_nce, one_to_k, rcml, sig_lip, sup_con};
pub use reconstruction::{Softened, clsr};
pub use relation::{bilinear_relation, bilinear_scores, hydra_gate, relation_contrast, told_apart};
pub use several::{Tuples, View, complete, gram, mv_dhel, mv_info_nce, pairwise, symile};
pub use soft::{cwcl, cwcl_half, dialog2flow, hycd, mod_x, sdm, soft_clip, space2};
pub use tree::tree_similarity;
pub use views::Views;
