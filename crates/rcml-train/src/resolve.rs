//! Preset, then file, then single settings -> one complete configuration.

use std::path::Path;

use toml::{Table, Value};

use rcml_encoders::FeatureConfig;

use crate::preset::preset;
use crate::{Error, Result, RunConfig, preset_names};

impl RunConfig {
    /// Resolves a configuration: the preset (`name`, else the file's `preset`, else `rcml`), overlaid with the file, overlaid
    /// with `key=value` settings (dotted keys, but not `preset`; values as in TOML, a bare word is a string), overlaid with the seed.
    ///
    /// # Errors
    /// An unknown preset or key, a file of another preset than `name`, a value of the wrong type or out of range: names the file or
    /// setting, the key, what was found and what was expected.
    pub fn resolve(name: Option<&str>, file: Option<&Path>, set: &[String], seed: Option<u64>) -> Result<Self> {
        let overlay = match file {
            Some(path) => {
                let text = std::fs::read_to_string(path).map_err(|error| Error::file(path, error))?;
                Some((path, text.parse::<Table>().map_err(|error| Error::file(path, error))?))
            }
            None => None,
        };
        let from_file = overlay.as_ref().and_then(|(_, table)| table.get("preset")?.as_str()).map(String::from);
        // What another preset's file sets would overlay this one, and train that one under this one's name.
        if let (Some(asked), Some(found), Some((path, _))) = (name, &from_file, &overlay)
            && asked != found
        {
            return Err(Error::file(
                path,
                format!("preset: expected {asked:?}, as asked for with --preset, or none; found {found:?}"),
            ));
        }
        let name = name.map(String::from).or(from_file).unwrap_or_else(|| "rcml".into());
        let base = preset(&name).ok_or_else(|| {
            Error::input(format!("preset: expected one of {}, found {name:?}", preset_names().join(", ")))
        })?;
        let mut table = Table::try_from(&base).map_err(|error| Error::input(error.to_string()))?;
        // Not written where there is none, but a key all the same.
        if let Some(objective) = table.get_mut("objective").and_then(Value::as_table_mut) {
            objective.entry("terms").or_insert(Value::Array(vec![]));
        }
        if let Some((path, overlay)) = overlay {
            check_keys(&table, &overlay, "").map_err(|message| Error::file(path, message))?;
            merge(&mut table, overlay);
            parse(&table).map_err(|message| Error::file(path, message))?;
        }
        for setting in set {
            apply(&mut table, setting).map_err(|message| Error::input(format!("--set {setting}: {message}")))?;
        }
        table.insert("preset".into(), Value::String(name));
        if let Some(seed) = seed {
            let seed =
                i64::try_from(seed).map_err(|_| Error::input(format!("seed: expected below 2^63, found {seed}")))?;
            table.insert("seed".into(), Value::Integer(seed));
        }
        let config = parse(&table).map_err(Error::input)?;
        config.validate()?;
        Ok(config)
    }
}

fn parse(table: &Table) -> Result<RunConfig, String> {
    // Through text, so that messages name the key.
    let text = toml::to_string(table).map_err(|error| error.to_string())?;
    toml::from_str(&text).map_err(|error: toml::de::Error| error.to_string().trim_end().to_string())
}

fn apply(table: &mut Table, setting: &str) -> Result<(), String> {
    let (key, text) = setting.split_once('=').ok_or("expected key=value")?;
    if key == "preset" {
        // All other settings are changes of it.
        let name = text.trim_matches('"');
        return Err(format!("expected the key of a setting, found the preset that they change: use --preset {name}"));
    }
    let value = format!("value = {text}").parse::<Table>().ok().and_then(|mut table| table.remove("value"));
    let value = value.unwrap_or_else(|| Value::String(text.to_string()));
    let mut place = table;
    let mut parts = key.split('.').peekable();
    while let Some(part) = parts.next() {
        // Names of parameters have dots of their own, with quotes around them as in a file or without.
        if part == "rates"
            && let Some(name) = key.strip_prefix(OPEN)
            && let Some(rates) = place.get_mut(part).and_then(Value::as_table_mut)
        {
            rates.insert(name.trim_matches('"').into(), value);
            return Ok(());
        }
        if parts.peek().is_some() && key.starts_with(FEATURES) && key[FEATURES.len()..].split('.').next() == Some(part)
        {
            // The user's name of a modality.
            place.entry(part).or_insert_with(|| Value::Table(of_modality()));
        }
        if !place.contains_key(part) {
            return Err(unknown(key, part, place));
        }
        let found = &mut place[part];
        if parts.peek().is_none() {
            // `1` for a number that happens to be a float is what everybody writes.
            *found = match (&*found, value) {
                (Value::Float(_), Value::Integer(number)) => Value::Float(number as f64),
                (Value::Integer(_) | Value::Float(_) | Value::Boolean(_), Value::String(text)) => {
                    return Err(format!("{key}: expected {}, found {text:?}", found.type_str()));
                }
                (_, value) => value,
            };
            return Ok(());
        }
        place = found.as_table_mut().ok_or_else(|| format!("{key}: {part} is a value, not a table"))?;
    }
    Err("expected a key before `=`".into())
}

/// The table whose keys are the user's own.
const OPEN: &str = "optimizer.rates.";

/// The table whose keys are names of modalities, each with a table of known keys.
const FEATURES: &str = "model.features.";

/// The keys of a modality's table, with their defaults.
fn of_modality() -> Table {
    Table::try_from(FeatureConfig::default()).unwrap_or_default()
}

fn check_keys(known: &Table, given: &Table, prefix: &str) -> Result<(), String> {
    for (key, value) in given {
        let path = format!("{prefix}{key}");
        match (known.get(key), value) {
            (None, _) if prefix == OPEN => {}
            (None, Value::Table(given)) if prefix == FEATURES => {
                check_keys(&of_modality(), given, &format!("{path}."))?;
            }
            (None, _) => return Err(unknown(&path, key, known)),
            // An enum's variant may be a table; the parser judges it.
            (Some(Value::Table(known)), Value::Table(given)) if key != "summary_bias" => {
                check_keys(known, given, &format!("{path}."))?;
            }
            _ => {}
        }
    }
    Ok(())
}

fn unknown(path: &str, part: &str, place: &Table) -> String {
    let keys: Vec<&str> = place.keys().map(String::as_str).collect();
    format!("unknown key {path:?}: there is no {part:?} among {}", keys.join(", "))
}

fn merge(into: &mut Table, from: Table) {
    for (key, value) in from {
        match (into.get_mut(&key), value) {
            (Some(Value::Table(into)), Value::Table(from)) if key != "summary_bias" => merge(into, from),
            (_, value) => {
                into.insert(key, value);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Steps;
    use rcml_attention::{Pool, SummaryBias};
    use rcml_encoders::FeatureKind;

    fn resolve(set: &[&str]) -> Result<RunConfig> {
        RunConfig::resolve(None, None, &set.iter().map(ToString::to_string).collect::<Vec<_>>(), None)
    }

    #[test]
    fn preset_file_and_settings_overlay_each_other() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("run.toml");
        std::fs::write(&file, "preset = \"gate\"\n[training]\nsteps = 7\n[sampler]\nitems = 32\n").unwrap();
        let config = RunConfig::resolve(None, Some(&file), &["training.steps=9".into()], Some(4)).unwrap();
        assert_eq!(
            (config.preset.as_str(), config.training.steps, config.sampler.items, config.seed),
            ("gate", Steps::Exactly(9), 32, 4)
        );
        assert_eq!(config.model.conditioner.pool, Pool::Summary);
        let config = RunConfig::resolve(Some("gate"), Some(&file), &[], None).unwrap();
        assert_eq!((config.preset.as_str(), config.sampler.items), ("gate", 32));
        // A whole configuration would leave nothing of another preset but its name.
        let error = RunConfig::resolve(Some("clip"), Some(&file), &[], None).unwrap_err();
        let message = error.to_string();
        assert!(error.is_input() && message.contains("run.toml"), "{message}");
        assert!(message.contains("\"clip\"") && message.contains("\"gate\""), "{message}");
        std::fs::write(&file, "[sampler]\nitems = 32\n").unwrap();
        let config = RunConfig::resolve(Some("clip"), Some(&file), &[], None).unwrap();
        assert_eq!((config.preset.as_str(), config.objective.related), ("clip", 0.0));
    }

    #[test]
    fn values_are_toml_or_bare_words() {
        let config = resolve(&[
            "objective.intra=1",
            "optimizer.rates.image=2",
            "optimizer.rates.text.skip=0.5",
            "model.conditioner.pool=summary",
            "model.same_item=is it",
            "model.features.sound.encoder=patches",
            "model.features.sound.transformer.depth=1",
        ])
        .unwrap();
        let sound = &config.model.features["sound"];
        assert_eq!((sound.encoder, sound.transformer.depth, sound.patch), (FeatureKind::Patches, 1, 16));
        assert_eq!((config.objective.intra, config.model.conditioner.pool), (1.0, Pool::Summary));
        assert_eq!(config.model.same_item, "is it");
        assert_eq!((config.optimizer.rates["image"], config.optimizer.rates["text.skip"]), (2.0, 0.5));
        let config = resolve(&["model.conditioner.attention.summary_bias=hard"]).unwrap();
        assert_eq!(config.model.conditioner.attention.summary_bias, SummaryBias::Hard);
    }

    #[test]
    fn mistakes_are_named() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("bad.toml");
        std::fs::write(&file, "[sampler]\nitem = 32\n").unwrap();
        let message = RunConfig::resolve(None, Some(&file), &[], None).unwrap_err().to_string();
        assert!(
            message.contains("bad.toml") && message.contains("sampler.item") && message.contains("items"),
            "{message}"
        );
        for (setting, words) in [
            ("no.such.key=1", "no.such.key"),
            ("training.steps=many", "training.steps"),
            ("training.steps=0", "at least 1"),
            ("model.conditioner.attention.beta=1.5", "beta"),
            ("model.conditioner.pool=all", "pool"),
            ("objective.temperature.initial=5", "objective.temperature.initial"),
            ("training", "key=value"),
            ("objective.terms=[{method=\"siglib\"}]", "did you mean `siglip`"),
            ("objective.terms=[{method=\"hcl\",parameters={betta=1.0}}]", "did you mean `beta`"),
            ("objective.terms=[{method=\"slap\"}]", "momentum"),
            ("optimizer.rates.texts=1", "texts"),
            ("optimizer.epsilon=0", "optimizer.epsilon"),
            ("optimizer.epsilon=1e-60", "optimizer.epsilon"),
            ("preset=clip", "use --preset clip"),
            ("objective.terms=[{method=\"vse\",temperature=0.1}]", "objective.terms[0].temperature"),
            ("objective.terms=[{method=\"hcl\",teacher=\"text\"}]", "objective.terms[0].teacher"),
            ("model.relation_in_text=trained", "without conditions"),
            ("model.features.sound.encodr=patches", "encodr"),
            ("model.features.sound=patches", "sound"),
            ("model.features.sound.patch=0", "model.features.sound.patch"),
        ] {
            let error = resolve(&[setting]).unwrap_err();
            assert!(error.is_input() && error.to_string().contains(words), "{setting}: {error}");
        }
        let message = RunConfig::resolve(Some("rmcl"), None, &[], None).unwrap_err().to_string();
        assert!(message.contains("rmcl") && message.contains("clip-relations"), "{message}");
    }
}
