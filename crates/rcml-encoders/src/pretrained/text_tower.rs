//! A pretrained text encoder of any family.

use burn::module::Module;
use burn::tensor::{Device, Tensor};
use rcml_kernels::Tokens;

use super::bert::{Bert, SentencePool};
use super::config_file::ConfigFile;
use super::family::ModelFamily;
use super::folder::PretrainedFolder;
use super::joint_text::JointText;
use super::text_tokens::{PretrainedTokenizer, TokenRules};
use super::token_batch::TokenBatch;
use super::weights::Weights;
use crate::by_length::by_length;
use crate::error::ErrorKind;
use crate::{Result, TokenIds};

/// A pretrained text encoder: token ids in, token states and a summary out, with the numbers of its original.
#[derive(Module, Debug)]
pub struct TextTower {
    family: Family,
    width: usize,
    /// Every text is padded to this length, and the padding takes part (SigLIP); 0 = no.
    length: usize,
    padding: i32,
}

#[derive(Module, Debug)]
enum Family {
    Bert(Bert),
    Joint(JointText),
}

/// What a text tower makes of texts.
#[derive(Debug, Clone)]
pub struct TextStates {
    /// The last layer's states as the original gives them, `[N, T, W]`.
    pub hidden: Tensor<3>,
    /// The summary as the original pools it, `[N, D]`.
    pub pooled: Tensor<2>,
    /// What relation attention reads: the summary first, then the tokens' states in the summary's space.
    pub tokens: Tokens,
}

impl TextTower {
    /// Reads a folder: its text encoder and its tokenizer.
    ///
    /// # Errors
    /// A family that reads no text; a file that is missing or damaged; a tensor that is missing, has another shape, holds
    /// a value that is not finite, or is not part of the architecture.
    pub fn load(folder: &PretrainedFolder, device: &Device) -> Result<(Self, PretrainedTokenizer)> {
        let config = folder.config()?;
        let mut weights = Weights::open(&folder.weight_files()?, device)?;
        let model = ModelFamily::of(&config)?;
        let lower_case = model.lower_cases();
        let (family, width, rules) = match model {
            ModelFamily::Bert => {
                let bert = Bert::read(&config, SentencePool::read(folder)?, &mut weights)?;
                (Family::Bert(bert), config.size("hidden_size")?, bert_rules(folder, &config)?)
            }
            ModelFamily::Clip | ModelFamily::Siglip => {
                let text =
                    config.object("text_config").ok_or_else(|| config.fail("text_config", "expected an object"))?;
                weights.ignore(|name| ["vision_model.", "visual_", "logit_"].iter().any(|p| name.starts_with(p)));
                weights.ignore(|name| name.ends_with("position_ids"));
                let width = model.width(&config)?;
                let joint = match model {
                    ModelFamily::Clip => JointText::clip(&text, width, &mut weights)?,
                    _ => JointText::siglip(&text, width, &mut weights)?,
                };
                let padding = text.number_or("pad_token_id", 1.0)? as u32;
                let rules = TokenRules { max_tokens: joint.longest(), padding, lower_case };
                let width = joint.width();
                (Family::Joint(joint), width, rules)
            }
            _ => {
                let reads = |family: ModelFamily| family.reads().contains(&"text");
                return Err(ModelFamily::wrong(&config, &reads, " (encoders of texts)"));
            }
        };
        weights.finish()?;
        let tokenizer = PretrainedTokenizer::read(folder, rules)?;
        let length = if model == ModelFamily::Siglip { tokenizer.max_tokens() } else { 0 };
        let tower = Self { family, width, length, padding: tokenizer.padding() };
        let (ids, rows) = (tokenizer.vocabulary(), tower.vocabulary());
        if ids > rows {
            let message = format!("it has ids up to {}, the encoder has vectors for {rows}", ids - 1);
            return Err(ErrorKind::TokenizerFile { path: folder.path().join("tokenizer.json"), message }.into());
        }
        Ok((tower, tokenizer))
    }

    /// Encodes.
    ///
    /// # Shapes
    /// - ids: N texts of T ids
    /// - output: see [`TextStates`]
    pub fn forward(&self, ids: &TokenIds, device: &Device) -> TextStates {
        let ids = ids.lengthened(self.length, self.padding);
        let batch = TokenBatch::new(&ids, device);
        match &self.family {
            Family::Bert(bert) => {
                let (hidden, pooled) = bert.forward(&batch);
                let log_bias = batch.log_bias();
                let summary_bias = Tensor::zeros([log_bias.dims()[0], 1], &log_bias.device());
                let states = Tensor::cat(vec![pooled.clone().unsqueeze_dim(1), hidden.clone()], 1);
                let log_bias = Tensor::cat(vec![summary_bias, log_bias], 1);
                TextStates { hidden, pooled, tokens: Tokens::with_summary_first(states, Some(log_bias)) }
            }
            Family::Joint(joint) => {
                let (hidden, pooled, states, log_bias) = joint.forward(&ids, &batch);
                TextStates { hidden, pooled, tokens: Tokens::with_summary_first(states, Some(log_bias)) }
            }
        }
    }

    /// The tokens of [`Self::forward`]; texts of like length go through the encoder together.
    ///
    /// # Shapes
    /// - ids: N texts of T ids
    pub fn encode(&self, ids: &TokenIds, device: &Device) -> Tokens {
        let all = |ids: &TokenIds| self.forward(ids, device).tokens;
        // Where padding takes part all texts are of one length.
        if self.length > 0 { all(ids) } else { by_length(ids, self.width, device, all) }
    }

    /// Tokens that a text of `real` ids becomes, the summary included.
    pub fn tokens(&self, real: usize) -> usize {
        match &self.family {
            Family::Bert(_) => 1 + real,
            // The summary is the last place: beside the text's own tokens, unless they fill it.
            Family::Joint(_) if self.length > 0 => (1 + real).min(self.length),
            Family::Joint(_) => real,
        }
    }

    /// Number of blocks.
    pub fn depth(&self) -> usize {
        match &self.family {
            Family::Bert(bert) => bert.depth(),
            Family::Joint(joint) => joint.depth(),
        }
    }

    /// Width of the tokens.
    pub fn width(&self) -> usize {
        self.width
    }

    fn vocabulary(&self) -> usize {
        match &self.family {
            Family::Bert(bert) => bert.vocabulary(),
            Family::Joint(joint) => joint.vocabulary(),
        }
    }
}

fn bert_rules(folder: &PretrainedFolder, config: &ConfigFile) -> Result<TokenRules> {
    let longest = config.size("max_position_embeddings")?;
    let (max_tokens, lower_case) = match ConfigFile::read_if_there(&folder.path().join("sentence_bert_config.json"))? {
        Some(sentence) => {
            let most = sentence.size_or("max_seq_length", longest)?.min(longest);
            (most, sentence.flag_or("do_lower_case", false)?)
        }
        None => (longest, false),
    };
    let padding = config.number_or("pad_token_id", 0.0)? as u32;
    Ok(TokenRules { max_tokens, padding, lower_case })
}
