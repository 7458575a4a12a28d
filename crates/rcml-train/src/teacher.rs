//! Which modality teaches the other, for methods that learn from a modality's own similarities.

use crate::{Error, Result, RunConfig};

/// Names the teacher of each term that has one and does not say which: the modality that a frozen pretrained encoder reads, if it is the
/// only one. Others are left to the method's own choice.
///
/// # Errors
/// A teacher that is no modality of the data.
pub(crate) fn settle_teachers(config: &mut RunConfig) -> Result<()> {
    let names: Vec<&str> = config.model.modalities.iter().map(|modality| modality.name.as_str()).collect();
    let pretrained = &config.model.pretrained;
    let sides = [("text", &pretrained.text), ("image", &pretrained.image)];
    let mut frozen = sides.iter().filter(|(name, side)| names.contains(name) && side.is_set() && !side.is_adapted());
    let only = match (frozen.next(), frozen.next()) {
        (Some((name, _)), None) => Some((*name).to_string()),
        _ => None,
    };
    for (index, term) in config.objective.terms.iter_mut().enumerate().filter(|(_, term)| term.is_taught()) {
        term.teacher = term.teacher.take().or_else(|| only.clone());
        if let Some(teacher) = term.teacher.as_ref().filter(|teacher| !names.contains(&teacher.as_str())) {
            let names = names.join(", ");
            return Err(Error::input(format!(
                "objective.terms[{index}].teacher: expected a modality of the data ({names}), found {teacher:?}"
            )));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use rcml_model::ModalityShape;

    #[test]
    fn what_is_frozen_teaches_unless_another_is_named() {
        let settled = |settings: &[&str]| {
            let terms =
                "objective.terms=[{method=\"cwcl\"}, {method=\"soft-clip\", teacher=\"image\"}, {method=\"hcl\"}]";
            let settings: Vec<String> = [terms].iter().chain(settings).map(ToString::to_string).collect();
            let mut config = RunConfig::resolve(None, None, &settings, None)?;
            config.model.modalities = ["text", "image"].map(ModalityShape::raw).into();
            settle_teachers(&mut config)?;
            Ok::<_, Error>(config.objective.terms.into_iter().map(|term| term.teacher).collect::<Vec<_>>())
        };
        let named = |name: &str| Some(name.to_string());
        assert_eq!(settled(&[]).unwrap(), [None, named("image"), None]);
        let (text, image) = ("model.pretrained.text.source=a", "model.pretrained.image.source=b");
        assert_eq!(settled(&[text]).unwrap(), [named("text"), named("image"), None]);
        assert_eq!(settled(&[text, image]).unwrap(), [None, named("image"), None]);
        let adapted = "model.pretrained.text.adapt.mode=lora";
        assert_eq!(settled(&[text, adapted, image]).unwrap(), [named("image"), named("image"), None]);
        let unknown = settled(&["objective.terms=[{method=\"cwcl\", teacher=\"sound\"}]"]).unwrap_err();
        assert!(unknown.is_input() && unknown.to_string().contains("terms[0].teacher"), "{unknown}");
        assert!(unknown.to_string().contains("text, image") && unknown.to_string().contains("sound"), "{unknown}");
    }
}
