//! How pictures are prepared, as the encoder that reads them asks for it.

use rcml_data::ImageConfig;
use rcml_model::Towers;

use crate::{Error, Result};

/// Writes into `image` what the image encoder prescribes: the rules that a pretrained one was trained with, or the size that one from
/// scratch has. The configuration that is saved then says what was done.
///
/// # Errors
/// A setting that says something else: it would have no effect. What stands at its default says nothing.
pub(crate) fn settle(image: &mut ImageConfig, size: usize, towers: &Towers) -> Result<()> {
    let (settled, why) = match towers.reads_images() {
        true => (towers.image_config(image)?, "as the pretrained encoder of pictures was trained with"),
        false => (ImageConfig { size, ..image.clone() }, "as model.image.size says"),
    };
    let table = |config: &ImageConfig| toml::Table::try_from(config).map_err(|error| Error::input(error.to_string()));
    let (own, usual) = (table(image)?, table(&ImageConfig::default())?);
    for (key, expected) in table(&settled)? {
        let found = own.get(&key);
        if found != Some(&expected) && found != usual.get(&key) {
            let found = found.map(ToString::to_string).unwrap_or_default();
            return Err(Error::input(format!("image.{key}: expected {expected}, {why}; found {found}")));
        }
    }
    *image = settled;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_size_that_would_have_no_effect_is_refused() {
        let towers = Towers::none(&rcml_kernels::device::parse("cpu").unwrap());
        let mut image = ImageConfig::default();
        settle(&mut image, 32, &towers).unwrap();
        assert_eq!(image, ImageConfig { size: 32, ..ImageConfig::default() }, "what stands at its default follows");
        settle(&mut image, 32, &towers).unwrap();
        image.size = 48;
        let message = settle(&mut image, 32, &towers).unwrap_err().to_string();
        assert!(
            ["image.size", "expected 32", "model.image.size", "found 48"].iter().all(|w| message.contains(w)),
            "{message}"
        );
    }
}
