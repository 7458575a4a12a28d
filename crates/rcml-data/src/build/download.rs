//! Pictures fetched from the web, politely, and only those that are not there yet.

use std::collections::HashMap;
use std::fs;
use std::path::Path;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use super::interactions::Say;
use super::pictures::place;
use crate::{Error, Result, write_whole};

/// A picture to fetch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Wanted {
    /// Id of the item.
    pub(crate) id: String,
    /// Address.
    pub(crate) address: String,
}

/// How a server is treated.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Manners {
    /// Requests at a time.
    pub(crate) at_once: usize,
    /// Least time between the starts of two requests.
    pub(crate) pause: Duration,
    /// Attempts at one picture.
    pub(crate) attempts: u32,
    /// Wait before the second attempt; doubled before each further one. A server that names a time is waited for instead.
    pub(crate) backoff: Duration,
    /// Longest time that one request may take.
    pub(crate) timeout: Duration,
}

impl Default for Manners {
    fn default() -> Self {
        Self {
            at_once: 4,
            pause: Duration::from_millis(50),
            attempts: 4,
            backoff: Duration::from_secs(1),
            timeout: Duration::from_secs(30),
        }
    }
}

/// Bytes of a picture at most.
const MOST: u64 = 32 << 20;

/// Longest time that a server may ask to be waited for.
const PATIENCE: Duration = Duration::from_secs(120);

/// Fetches the pictures into `out` and returns the path of each that is there, relative to `out`. A picture that cannot be
/// had is said and left out; one that an earlier call fetched is not fetched again.
///
/// # Errors
/// The file system's, and a network that gives nothing at all: not one of the first pictures.
pub(crate) fn pictures(
    out: &Path,
    wanted: &[Wanted],
    manners: &Manners,
    say: Say<'_>,
) -> Result<HashMap<String, String>> {
    let mut there = HashMap::new();
    let mut missing = Vec::new();
    for one in wanted {
        let name = place(&one.id, &ending(&one.address));
        if out.join(&name).is_file() {
            there.insert(one.id.clone(), name);
        } else {
            missing.push((one, name));
        }
    }
    say(&format!("{} pictures to download; {} are there already", missing.len(), there.len()));
    let agent = ureq::Agent::config_builder()
        .timeout_global(Some(manners.timeout))
        .http_status_as_error(false)
        .user_agent(concat!("rcml/", env!("CARGO_PKG_VERSION"), " (dataset builder)"))
        .build()
        .new_agent();
    let turn = Mutex::new(Instant::now());
    let (next, done) = (AtomicUsize::new(0), AtomicUsize::new(0));
    let results: Mutex<Vec<(usize, Result<(), String>)>> = Mutex::new(Vec::new());
    let work = || {
        loop {
            let index = next.fetch_add(1, Ordering::Relaxed);
            let Some((one, name)) = missing.get(index) else { return };
            let result = fetch(&agent, &one.address, &out.join(name), manners, &turn);
            let count = 1 + done.fetch_add(1, Ordering::Relaxed);
            if count.is_multiple_of(1_000) {
                say(&format!("downloaded {count} of {} pictures", missing.len()));
            }
            if let Ok(mut results) = results.lock() {
                results.push((index, result));
            }
        }
    };
    thread::scope(|scope| (0..manners.at_once.clamp(1, 16)).for_each(|_| drop(scope.spawn(work))));
    let mut results = results.into_inner().unwrap_or_default();
    results.sort_by_key(|(index, _)| *index);
    let (mut failed, mut first) = (0, None);
    for (index, result) in results {
        let (one, name) = &missing[index];
        match result {
            Ok(()) => _ = there.insert(one.id.clone(), name.clone()),
            Err(message) => {
                failed += 1;
                first.get_or_insert_with(|| format!("{}: {message}", one.address));
            }
        }
    }
    if let Some(first) = first {
        if there.is_empty() {
            return Err(Error::io(out, std::io::Error::other(format!("no picture could be downloaded: {first}"))));
        }
        say(&format!("{failed} pictures could not be downloaded; the first: {first}"));
    }
    Ok(there)
}

/// The ending of the file at an address; what a decoder makes of it does not depend on it.
fn ending(address: &str) -> String {
    let path = address.split(['?', '#']).next().unwrap_or(address);
    let ending = path.rsplit('/').next().and_then(|name| name.rsplit_once('.')).map(|(_, ending)| ending);
    match ending.map(str::to_ascii_lowercase) {
        Some(ending) if ["jpg", "jpeg", "png", "gif", "webp", "bmp"].contains(&ending.as_str()) => ending,
        _ => "jpg".into(),
    }
}

fn fetch(
    agent: &ureq::Agent,
    address: &str,
    to: &Path,
    manners: &Manners,
    turn: &Mutex<Instant>,
) -> Result<(), String> {
    let mut wait = manners.backoff;
    for attempt in 1.. {
        queue(turn, manners.pause);
        let (message, asked) = match attempt_once(agent, address) {
            Attempt::Done(bytes) => return save(&bytes, to),
            Attempt::Never(message) => return Err(message),
            Attempt::Later(message, asked) => (message, asked),
        };
        if attempt >= manners.attempts {
            return Err(format!("{message}, {attempt} times"));
        }
        thread::sleep(asked.unwrap_or(wait).min(PATIENCE));
        wait *= 2;
    }
    Err("no attempt was made".into())
}

/// Waits for the turn: one request starts a pause after another, however many threads there are.
fn queue(turn: &Mutex<Instant>, pause: Duration) {
    let now = Instant::now();
    let start = match turn.lock() {
        Ok(mut next) => {
            let start = (*next).max(now);
            *next = start + pause;
            start
        }
        Err(_) => now,
    };
    thread::sleep(start.saturating_duration_since(now));
}

enum Attempt {
    Done(Vec<u8>),
    /// Another attempt would fare the same.
    Never(String),
    Later(String, Option<Duration>),
}

fn attempt_once(agent: &ureq::Agent, address: &str) -> Attempt {
    let mut response = match agent.get(address).call() {
        Ok(response) => response,
        Err(e @ (ureq::Error::BadUri(_) | ureq::Error::TooManyRedirects)) => return Attempt::Never(e.to_string()),
        Err(e) => return Attempt::Later(e.to_string(), None),
    };
    let status = response.status().as_u16();
    let asked = response.headers().get("retry-after").and_then(|value| value.to_str().ok()?.trim().parse().ok());
    match status {
        200 => match response.body_mut().with_config().limit(MOST).read_to_vec() {
            Ok(bytes) if image::guess_format(&bytes).is_ok() => Attempt::Done(bytes),
            Ok(bytes) => Attempt::Never(format!("the answer ({} bytes) is no picture", bytes.len())),
            Err(e) => Attempt::Later(e.to_string(), None),
        },
        408 | 425 | 429 | 500..=599 => Attempt::Later(format!("status {status}"), asked.map(Duration::from_secs)),
        _ => Attempt::Never(format!("status {status}")),
    }
}

fn save(bytes: &[u8], to: &Path) -> Result<(), String> {
    write_whole(to, |part| fs::write(part, bytes)).map_err(|e| format!("{}: {e}", to.display()))
}

#[cfg(test)]
pub(crate) mod tests {
    use std::io::{BufRead, BufReader, Read, Write};
    use std::net::TcpListener;
    use std::sync::Arc;

    use super::*;

    /// A server on this machine that answers each (path, body) by `answer`: (status line with headers, body).
    pub(crate) fn serve(answer: impl Fn(&str, &str) -> (String, Vec<u8>) + Send + Sync + 'static) -> String {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = format!("http://{}", listener.local_addr().unwrap());
        let answer = Arc::new(answer);
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let answer = answer.clone();
                thread::spawn(move || {
                    let mut reader = BufReader::new(stream);
                    let (mut line, mut length) = (String::new(), 0);
                    reader.read_line(&mut line).unwrap();
                    let path = line.split(' ').nth(1).unwrap_or("/").to_owned();
                    loop {
                        let mut header = String::new();
                        reader.read_line(&mut header).unwrap();
                        if header.trim().is_empty() {
                            break;
                        }
                        if let Some(value) = header.to_ascii_lowercase().strip_prefix("content-length:") {
                            length = value.trim().parse().unwrap();
                        }
                    }
                    let mut body = vec![0; length];
                    reader.read_exact(&mut body).unwrap();
                    let (head, bytes) = answer(&path, &String::from_utf8_lossy(&body));
                    let mut stream = reader.into_inner();
                    let tail = format!("Content-Length: {}\r\nConnection: close\r\n\r\n", bytes.len());
                    let _ = stream.write_all(format!("HTTP/1.1 {head}\r\n{tail}").as_bytes());
                    let _ = stream.write_all(&bytes);
                });
            }
        });
        address
    }

    pub(crate) fn png() -> Vec<u8> {
        let mut bytes = std::io::Cursor::new(Vec::new());
        image::RgbImage::new(4, 4).write_to(&mut bytes, image::ImageFormat::Png).unwrap();
        bytes.into_inner()
    }

    fn quick() -> Manners {
        Manners { pause: Duration::ZERO, backoff: Duration::from_millis(5), attempts: 3, ..Manners::default() }
    }

    #[test]
    fn failures_are_retried_only_where_it_helps_and_nothing_is_fetched_twice() {
        let asked: Arc<Mutex<HashMap<String, u32>>> = Arc::default();
        let counts = asked.clone();
        let server = serve(move |path, _| {
            let mut counts = counts.lock().unwrap();
            let count = counts.entry(path.to_owned()).or_default();
            *count += 1;
            let ok = || ("200 OK".to_owned(), png());
            match path {
                "/busy.png" if *count < 3 => ("429 Too Many Requests\r\nRetry-After: 0".into(), Vec::new()),
                "/gone.png" => ("404 Not Found".into(), Vec::new()),
                "/down.png" => ("503 Service Unavailable".into(), Vec::new()),
                "/page.png" => ("200 OK".into(), b"<html>no picture</html>".to_vec()),
                _ => ok(),
            }
        });
        let wanted: Vec<Wanted> = ["good", "busy", "gone", "down", "page"]
            .map(|id| Wanted { id: id.into(), address: format!("{server}/{id}.png?size=1") })
            .into_iter()
            .map(|w| Wanted { address: w.address.trim_end_matches("?size=1").into(), ..w })
            .collect();
        let dir = tempfile::tempdir().unwrap();
        let said = Mutex::new(Vec::new());
        let say = |text: &str| said.lock().unwrap().push(text.to_owned());
        let there = pictures(dir.path(), &wanted, &quick(), &say).unwrap();
        let mut ids: Vec<&str> = there.keys().map(String::as_str).collect();
        ids.sort_unstable();
        assert_eq!(ids, ["busy", "good"]);
        assert_eq!(fs::read(dir.path().join(&there["good"])).unwrap(), png());
        let times = |path: &str| asked.lock().unwrap()[path];
        assert_eq!((times("/good.png"), times("/busy.png"), times("/gone.png"), times("/down.png")), (1, 3, 1, 3));
        assert!(said.lock().unwrap().iter().any(|text| text.contains("3 pictures could not") && text.contains("404")));

        pictures(dir.path(), &wanted, &quick(), &|_| {}).unwrap();
        assert_eq!((times("/good.png"), times("/gone.png")), (1, 2), "what is there is not asked for again");
    }

    #[test]
    fn a_dead_network_is_an_error() {
        let dir = tempfile::tempdir().unwrap();
        let wanted = [Wanted { id: "a".into(), address: "http://127.0.0.1:1/a.png".into() }];
        let error = pictures(dir.path(), &wanted, &quick(), &|_| {}).unwrap_err().to_string();
        assert!(error.contains("no picture could be downloaded") && error.contains("127.0.0.1:1"), "{error}");
    }
}
