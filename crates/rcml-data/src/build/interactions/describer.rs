//! Who puts a cluster into words: the grammar, a command of the user's, or a language model behind an address.

use std::io::Write;
use std::process::{Command, Stdio};
use std::thread;
use std::time::Duration;

use serde_json::{Value, json};

use super::Say;
use super::grammar::{self, Words};
use super::profile::ClusterProfile;
use crate::{Error, Result};

/// Who writes the descriptions. Nothing leaves the machine unless an endpoint is named.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Describer {
    /// Sentences made of the statistics.
    #[default]
    Grammar,
    /// A command line for the shell. It is run once for each cluster, with its statistics as JSON on standard input, and
    /// writes one phrasing a line.
    Command(String),
    /// An endpoint that speaks the chat completions protocol of OpenAI.
    Endpoint(Endpoint),
}

/// A language model behind an address.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Endpoint {
    /// Address up to and without `/chat/completions`: "http://localhost:8000/v1".
    pub address: String,
    /// Name of the model.
    pub model: String,
    /// Key, where the endpoint asks for one. It is sent to `address` alone.
    pub key: Option<String>,
    /// Longest time that an answer may take.
    pub timeout: Duration,
    /// Attempts at each cluster; the pause between them doubles from `backoff` on.
    pub attempts: u32,
    /// First pause.
    pub backoff: Duration,
}

impl Endpoint {
    /// Two minutes an answer, four attempts.
    pub fn new(address: impl Into<String>, model: impl Into<String>) -> Self {
        Self {
            address: address.into(),
            model: model.into(),
            key: None,
            timeout: Duration::from_secs(120),
            attempts: 4,
            backoff: Duration::from_secs(2),
        }
    }
}

/// What a model is asked for. The statistics follow as JSON.
const TASK: &str = "You describe groups of shoppers, readers or viewers. You get the statistics of one group as JSON: the share of \
    each category in what the group takes (share), among everybody (overall), and their ratio (lift). Write 5 different \
    phrasings, one a line, without numbering, of one sentence of at most 30 words that completes \"These two items are ...\", \
    such as: co-purchased by people who primarily buy A, along with B and C, while showing lower engagement in D, and minimal \
    interest in E. Name categories as they are written. Use only what the statistics say.";

/// Bytes of an answer at most.
const MOST: u64 = 1 << 20;

impl Describer {
    /// The words and the phrasings of each cluster, the first one canonical. A description that another cluster has already is
    /// replaced by the grammar's.
    pub(super) fn describe(&self, profiles: &[ClusterProfile], say: Say<'_>) -> Result<Vec<(Words, Vec<String>)>> {
        let mut described = grammar::describe(profiles);
        if *self == Self::Grammar {
            return Ok(described);
        }
        let mut taken: Vec<String> = Vec::new();
        for (profile, (_, phrasings)) in profiles.iter().zip(&mut described) {
            let text = match self {
                Self::Grammar => continue,
                Self::Command(command) => run(command, profile)?,
                Self::Endpoint(endpoint) => endpoint.ask(profile)?,
            };
            let mut lines = lines(&text);
            lines.retain(|line| !taken.contains(line));
            if lines.is_empty() {
                let number = profile.cluster;
                say(&format!(
                    "cluster {number} got no description of its own: it keeps the one made of its statistics"
                ));
                continue;
            }
            taken.extend(lines.iter().cloned());
            *phrasings = lines;
        }
        Ok(described)
    }
}

/// The phrasings of an answer, without bullets, numbers and quotes around them; each once.
fn lines(text: &str) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for line in text.lines() {
        let line =
            line.trim().trim_start_matches(|c: char| c.is_ascii_digit()).trim_start_matches(['.', ')', '-', '*', ' ']);
        let line = line.trim().trim_matches('"').trim().trim_end_matches('.');
        if !line.is_empty() && !lines.iter().any(|other| other == line) {
            lines.push(line.to_owned());
        }
    }
    lines
}

fn statistics(profile: &ClusterProfile) -> Result<String> {
    serde_json::to_string(profile).map_err(|e| Error::input(format!("statistics of a cluster: {e}")))
}

fn run(command: &str, profile: &ClusterProfile) -> Result<String> {
    let (shell, flag) = if cfg!(windows) { ("cmd", "/C") } else { ("sh", "-c") };
    let failed = |e: std::io::Error| Error::io(command, e);
    let mut child = Command::new(shell)
        .args([flag, command])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .map_err(failed)?;
    let input = statistics(profile)?;
    // Written from a thread of its own: a command that writes before it has read everything would wait for ever.
    let writer = child.stdin.take().map(|mut stdin| thread::spawn(move || stdin.write_all(input.as_bytes())));
    let output = child.wait_with_output().map_err(failed)?;
    // A command need not read what it does not care for: a pipe that it closed early is no failure.
    drop(writer.map(thread::JoinHandle::join));
    if !output.status.success() {
        let said = String::from_utf8_lossy(&output.stderr);
        let last = said.trim().lines().last().unwrap_or("it said nothing").to_owned();
        return Err(Error::input(format!("the describing command {command:?} ended with {}: {last}", output.status)));
    }
    let text = String::from_utf8(output.stdout)
        .map_err(|_| Error::input(format!("the describing command {command:?} wrote something other than UTF-8")))?;
    if lines(&text).is_empty() {
        let number = profile.cluster;
        return Err(Error::input(format!("the describing command {command:?} wrote nothing for cluster {number}")));
    }
    Ok(text)
}

impl Endpoint {
    fn ask(&self, profile: &ClusterProfile) -> Result<String> {
        let address = format!("{}/chat/completions", self.address.trim_end_matches('/'));
        let body = json!({
            "model": self.model,
            "temperature": 0,
            "messages": [{"role": "system", "content": TASK}, {"role": "user", "content": statistics(profile)?}],
        })
        .to_string();
        let agent = ureq::Agent::config_builder()
            .timeout_global(Some(self.timeout))
            .http_status_as_error(false)
            // The key is for this address alone.
            .max_redirects(0)
            .build()
            .new_agent();
        let mut pause = self.backoff;
        let mut attempt = 1;
        loop {
            match self.attempt(&agent, &address, &body) {
                Ok(text) => return Ok(text),
                Err((message, true)) if attempt < self.attempts => {
                    drop(message);
                    thread::sleep(pause);
                    (attempt, pause) = (attempt + 1, pause * 2);
                }
                Err((message, _)) => return Err(Error::io(&address, std::io::Error::other(message))),
            }
        }
    }

    /// The answer's text, or what went wrong and whether another attempt may fare better.
    fn attempt(&self, agent: &ureq::Agent, address: &str, body: &str) -> Result<String, (String, bool)> {
        let mut request = agent.post(address).header("content-type", "application/json");
        if let Some(key) = &self.key {
            request = request.header("authorization", format!("Bearer {key}"));
        }
        let mut response = request.send(body).map_err(|e| (e.to_string(), true))?;
        let status = response.status().as_u16();
        let text = response.body_mut().with_config().limit(MOST).read_to_string().map_err(|e| (e.to_string(), true))?;
        if status != 200 {
            let start: String = text.chars().take(200).collect();
            return Err((format!("status {status}: {start}"), matches!(status, 408 | 429 | 500..=599)));
        }
        let answer: Value = serde_json::from_str(&text).map_err(|e| (format!("the answer is no JSON: {e}"), false))?;
        let content = answer.pointer("/choices/0/message/content").and_then(Value::as_str);
        content.map(String::from).ok_or_else(|| ("the answer has no choices[0].message.content".into(), false))
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use super::super::profile::CategoryShare;
    use super::*;
    use crate::build::download::tests::serve;

    fn profiles() -> Vec<ClusterProfile> {
        let profile = |cluster: usize, name: &str| ClusterProfile {
            cluster,
            verb: "buy".into(),
            users: 10,
            share_of_users: 0.5,
            interactions: 100,
            categories: vec![CategoryShare { name: name.into(), share: 0.9, overall: 0.5, lift: 1.8 }],
            examples: vec!["an \"example\"".into()],
        };
        vec![profile(0, "Feeding"), profile(1, "Toys")]
    }

    fn quick(address: &str) -> Endpoint {
        Endpoint { backoff: Duration::from_millis(5), attempts: 3, ..Endpoint::new(address, "small") }
    }

    #[test]
    #[cfg(unix)]
    fn a_command_gets_the_statistics_and_writes_the_phrasings() {
        let command = r#"sed 's/.*"name":"\([A-Za-z]*\)".*/1. "for friends of \1"\n- loved by buyers of \1./'"#;
        let described = Describer::Command(command.into()).describe(&profiles(), &|_| {}).unwrap();
        assert_eq!(described[0].1, ["for friends of Feeding", "loved by buyers of Feeding"]);
        assert_eq!(described[1].1, ["for friends of Toys", "loved by buyers of Toys"]);
        assert_eq!(described[1].0.primary, "Toys");

        let same = Describer::Command("echo the same for all".into()).describe(&profiles(), &|_| {}).unwrap();
        assert_eq!(same[0].1, ["the same for all"]);
        assert!(same[1].1[0].contains("Toys"), "the second keeps the grammar's");
        let error =
            |command: &str| Describer::Command(command.into()).describe(&profiles(), &|_| {}).unwrap_err().to_string();
        assert!(error("echo gone wrong >&2; exit 3").contains("gone wrong"));
        assert!(error("true").contains("wrote nothing for cluster 0"));
    }

    #[test]
    fn an_endpoint_is_asked_once_for_each_cluster_and_again_when_it_is_busy() {
        let seen: Arc<Mutex<Vec<Value>>> = Arc::default();
        let log = seen.clone();
        let server = serve(move |path, body| {
            assert_eq!(path, "/v1/chat/completions");
            let body: Value = serde_json::from_str(body).unwrap();
            let mut log = log.lock().unwrap();
            log.push(body.clone());
            if log.len() == 1 {
                return ("503 Service Unavailable".into(), b"busy".to_vec());
            }
            let profile: ClusterProfile =
                serde_json::from_str(body["messages"][1]["content"].as_str().unwrap()).unwrap();
            let content =
                format!("1) chosen by fans of {0}\n2) for those who live for {0}", profile.categories[0].name);
            let answer = json!({"choices": [{"message": {"role": "assistant", "content": content}}]});
            ("200 OK\r\nContent-Type: application/json".into(), answer.to_string().into_bytes())
        });
        let endpoint = Endpoint { key: Some("secret".into()), ..quick(&format!("{server}/v1/")) };
        let described = Describer::Endpoint(endpoint).describe(&profiles(), &|_| {}).unwrap();
        assert_eq!(described[0].1, ["chosen by fans of Feeding", "for those who live for Feeding"]);
        assert_eq!(described[1].1[0], "chosen by fans of Toys");
        let seen = seen.lock().unwrap();
        assert_eq!(seen.len(), 3, "one was repeated");
        assert_eq!((&seen[1]["model"], &seen[1]["temperature"]), (&json!("small"), &json!(0)));
    }

    #[test]
    fn what_an_endpoint_does_wrong_is_said() {
        let error = |status: &'static str, body: &'static str| {
            let server = serve(move |_, _| (status.into(), body.as_bytes().to_vec()));
            Describer::Endpoint(quick(&server)).describe(&profiles(), &|_| {}).unwrap_err().to_string()
        };
        assert!(error("401 Unauthorized", "{\"error\":\"no key\"}").contains("status 401: {\"error\":\"no key\"}"));
        assert!(error("200 OK", "hello").contains("no JSON"));
        assert!(error("200 OK", "{}").contains("no choices[0].message.content"));
        assert!(error("500 Oops", "down").contains("status 500"));
    }
}
