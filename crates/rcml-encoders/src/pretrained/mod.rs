//! Pretrained encoders with the numbers of their originals.
//!
//! The nouns: a [`PretrainedFolder`] is where an encoder lies, as on the Hugging Face hub; a [`TextTower`] and an
//! [`ImageTower`] are what is read from it, with its [`PretrainedTokenizer`] and [`PictureRules`]. Every family is read tensor by tensor: one that is missing, has
//! another shape or is left over is an error that names it.

mod adaptation;
mod bert;
mod block;
mod config_file;
mod efficientnet;
mod family;
mod folder;
mod image_tower;
mod joint_text;
mod layer;
mod parameters;
mod patches;
mod pictures;
mod probe;
mod projector;
mod registry;
mod state_batch;
mod text_tokens;
mod text_tower;
mod token_batch;
mod token_cache;
mod token_pool;
mod token_rows;
mod token_segment;
mod vision_transformer;
mod weights;

pub use adaptation::{Adaptation, AdaptationMode, LayerRate};
pub use folder::PretrainedFolder;
pub use image_tower::{ImageStates, ImageTower};
pub use parameters::{ParameterCount, count_parameters, frozen_parameters, parameter_names};
pub use pictures::{PictureFilter, PictureRules};
pub use projector::{Projection, StateProjector};
pub use registry::{KnownEncoder, known_encoders};
pub use state_batch::StateBatch;
pub use text_tokens::PretrainedTokenizer;
pub use text_tower::{TextStates, TextTower};
pub use token_cache::{Precision, TokenCache, cache_folder};
pub use token_pool::pool_tokens;
pub use token_rows::TokenRows;
pub use token_segment::TokenWriter;
