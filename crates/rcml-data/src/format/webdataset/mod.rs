//! WebDataset shards: a tar of samples, whose members `KEY.jpg`, `KEY.txt` and `KEY.json` follow each other.

mod sample;
mod shard;

pub(super) use shard::{ENDINGS, Shard, each};
