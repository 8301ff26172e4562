//! The built gateway as a process of its own, in a directory of its own, on free ports.
#![allow(dead_code, reason = "each test program uses its part")]

use std::fs::File;
use std::io::{Read, Write};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::Duration;

/// How often it is looked whether a gateway has started or ended: for a minute, on a busy machine.
const LOOKS: usize = 3_000;
/// The pause between two looks.
const LOOK: Duration = Duration::from_millis(20);
/// How long an answer may take.
const PATIENCE: Duration = Duration::from_secs(60);
/// A port that was free may be taken when the gateway wants it.
const TRIES: usize = 5;

/// The gateway's program with these arguments, told nothing by the environment of the test.
pub fn gateway(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_gateway"));
    command.args(arguments).env_clear().stdin(Stdio::null());
    command
}

/// The whole output of a command that ends.
pub fn output(command: &mut Command) -> (bool, String, String) {
    let Output {
        status,
        stdout,
        stderr,
    } = command.output().unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    (status.success(), text(stdout), text(stderr))
}

/// Three ports that are free now: for the public API, for `/ws` besides, for operators.
pub fn free_ports() -> [u16; 3] {
    let listeners = [(); 3].map(|()| TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap());
    listeners.map(|listener| listener.local_addr().unwrap().port())
}

/// Settings for a gateway in this directory: small disk, logs on standard error.
pub fn settings(dir: &Path, [public, websocket, admin]: [u16; 3]) -> String {
    format!(
        "environment: development
data_dir: {}
server: {{ http_port: {public}, websocket_port: {websocket}, metrics_port: {admin}, answer_timeout: 30s }}
embedded: {{ min_free_bytes: 16777216 }}
limits: {{ address_requests_per_second: 100000, address_burst: 100000, failed_logins_per_minute: 100000 }}
logging: {{ level: info, format: json, output: stderr }}
",
        dir.join("data").display()
    )
}

/// A gateway that serves; killed when it goes out of scope.
pub struct Program {
    pub dir: PathBuf,
    pub public: u16,
    pub websocket: u16,
    pub admin: u16,
    child: Child,
}

impl Program {
    /// Starts a gateway in this directory and waits until it is ready.
    pub fn start(dir: &Path) -> Self {
        Self::start_as(dir, &[])
    }

    /// With these arguments besides.
    pub fn start_as(dir: &Path, arguments: &[&str]) -> Self {
        for _ in 0..TRIES {
            let ports = free_ports();
            let file = dir.join("settings.yaml");
            std::fs::write(&file, settings(dir, ports)).unwrap();
            if let Some(program) = Self::launch(dir, &file, ports, arguments) {
                return program;
            }
        }
        panic!("no port stays free");
    }

    /// Starts a gateway with these settings, which name these ports; none where a port was taken meanwhile.
    pub fn start_with(dir: &Path, file: &Path, ports: [u16; 3]) -> Option<Self> {
        Self::launch(dir, file, ports, &[])
    }

    fn launch(dir: &Path, file: &Path, ports: [u16; 3], arguments: &[&str]) -> Option<Self> {
        let [public, websocket, admin] = ports;
        let child = gateway(&["--config", file.to_str().unwrap()])
            .args(arguments)
            .stdout(File::create(dir.join("out")).unwrap())
            .stderr(File::create(dir.join("log")).unwrap())
            .spawn()
            .unwrap();
        let mut program = Self {
            dir: dir.to_owned(),
            public,
            websocket,
            admin,
            child,
        };
        if program.becomes_ready() {
            return Some(program);
        }
        let log = program.log();
        assert!(log.contains("cannot listen"), "the gateway does not start: {log}");
        None
    }

    fn becomes_ready(&mut self) -> bool {
        for _ in 0..LOOKS {
            if self.child.try_wait().unwrap().is_some() {
                return false;
            }
            if is_ready(self.public) {
                return true;
            }
            std::thread::sleep(LOOK);
        }
        panic!("the gateway is not ready: {}", self.log());
    }

    /// The settings file.
    pub fn settings_file(&self) -> PathBuf {
        self.dir.join("settings.yaml")
    }

    /// What it logged so far.
    pub fn log(&self) -> String {
        std::fs::read_to_string(self.dir.join("log")).unwrap()
    }

    /// What it printed so far.
    pub fn out(&self) -> String {
        std::fs::read_to_string(self.dir.join("out")).unwrap()
    }

    /// Whether it serves now.
    pub fn is_ready(&self) -> bool {
        is_ready(self.public)
    }

    /// Sends it a signal.
    pub fn signal(&self, name: &str) {
        let id = self.child.id().to_string();
        let sent = Command::new("kill").args([&format!("-{name}"), &id]).status();
        assert!(sent.unwrap().success());
    }

    /// Asks it to stop; whether it ended well.
    pub fn stop(mut self) -> bool {
        self.signal("TERM");
        for _ in 0..LOOKS {
            if let Some(status) = self.child.try_wait().unwrap() {
                return status.success();
            }
            std::thread::sleep(LOOK);
        }
        panic!("the gateway does not stop: {}", self.log());
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn is_ready(port: u16) -> bool {
    answer(port, "/health/ready").is_some_and(|answer| answer.starts_with("HTTP/1.1 200"))
}

/// The answer to a plain GET; none where nobody answers.
pub fn answer(port: u16, path: &str) -> Option<String> {
    ask(port, "GET", path, "")
}

/// The answer to a request with these headers, each ended by a line break; none where nobody answers.
pub fn ask(port: u16, method: &str, path: &str, headers: &str) -> Option<String> {
    let mut stream = TcpStream::connect((Ipv4Addr::LOCALHOST, port)).ok()?;
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    write!(
        stream,
        "{method} {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Length: 0\r\n{headers}\r\n"
    )
    .ok()?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).ok()?;
    Some(answer)
}

/// A handshake at `/ws`: the connection, open as long as it is kept, and the head of the answer.
pub fn handshake(port: u16) -> (TcpStream, String) {
    let mut stream = TcpStream::connect((Ipv4Addr::LOCALHOST, port)).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    write!(
        stream,
        "GET /ws HTTP/1.1\r\nHost: localhost\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\
         Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: x3JJHMbDL1EzLkh9GBhXDw==\r\n\r\n"
    )
    .unwrap();
    let (mut head, mut byte) = (Vec::new(), [0]);
    while !head.ends_with(b"\r\n\r\n") && stream.read(&mut byte).unwrap() == 1 {
        head.push(byte[0]);
    }
    (stream, String::from_utf8(head).unwrap())
}

/// Waits until it holds; a minute at most.
pub fn until(what: &str, mut holds: impl FnMut() -> bool) {
    for _ in 0..LOOKS {
        if holds() {
            return;
        }
        std::thread::sleep(LOOK);
    }
    panic!("waited in vain until {what}");
}
