//! `--encoders minilm+efficientnet-lite0` -> settings.

use rcml_encoders::pretrained::PretrainedFolder;

use crate::{Error, Result};

/// The settings that put pretrained encoders in the place of those from scratch: each takes the modalities that it reads and
/// no encoder before it took, and the model gets the width of the text encoder.
///
/// # Errors
/// An encoder that is not found, or that has nothing left to read.
pub fn encoder_settings(encoders: &str) -> Result<Vec<String>> {
    let mut settings = Vec::new();
    let mut taken: Vec<&str> = Vec::new();
    for source in encoders.split('+').map(str::trim) {
        let folder = PretrainedFolder::find(source)?;
        let reads = folder.reads()?;
        let new: Vec<&str> = reads.iter().copied().filter(|modality| !taken.contains(modality)).collect();
        if new.is_empty() {
            let (reads, taken) = (reads.join(" and "), taken.join(" and "));
            return Err(Error::input(format!("encoder {source:?} reads {reads}, but encoders before it read {taken}")));
        }
        for modality in &new {
            settings.push(format!("model.pretrained.{modality}.source={source:?}"));
        }
        if new.contains(&"text") {
            settings.push(format!("model.width={}", folder.width()?));
        }
        taken.extend(new);
    }
    Ok(settings)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_encoder_takes_what_is_left() {
        let dir = tempfile::tempdir().unwrap();
        let folder = |name: &str, config: &str| {
            let path = dir.path().join(name);
            std::fs::create_dir_all(&path).unwrap();
            std::fs::write(path.join("config.json"), config).unwrap();
            path.display().to_string()
        };
        let bert = folder("bert", r#"{"model_type": "bert", "hidden_size": 48}"#);
        let clip = folder("clip", r#"{"model_type": "clip", "projection_dim": 24}"#);
        let settings = encoder_settings(&format!("{bert}+{clip}")).unwrap();
        let expected = [
            format!("model.pretrained.text.source={bert:?}"),
            "model.width=48".into(),
            format!("model.pretrained.image.source={clip:?}"),
        ];
        assert_eq!(settings, expected);
        let both = encoder_settings(&clip).unwrap();
        assert_eq!((both.len(), both[2].as_str()), (3, "model.width=24"));
        let message = encoder_settings(&format!("{clip}+{bert}")).unwrap_err().to_string();
        assert!(message.contains("reads text, but"), "{message}");
        assert!(encoder_settings("no-such-encoder").unwrap_err().is_input());
    }
}
