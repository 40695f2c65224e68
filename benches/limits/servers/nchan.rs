//! nchan: nginx with the module, its configuration made here.

use super::process::Process;
use super::{await_listener, find_program, free_address};
use anyhow::Context;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Where distributions put modules.
const MODULES: [&str; 3] = ["/usr/lib/nginx/modules", "/usr/lib64/nginx/modules", "/usr/share/nginx/modules"];
/// One worker: more than one pass each message between them, which costs more for what two cores can use.
const WORKERS: u32 = 1;
/// Connections of a worker; the descriptors of a process allow no more.
const CONNECTIONS: u32 = 19_000;

fn program() -> Option<PathBuf> {
    find_program(&["nginx"])
}

fn module() -> Option<PathBuf> {
    MODULES.iter().map(|dir| Path::new(dir).join("ngx_nchan_module.so")).find(|module| module.is_file())
}

pub fn version() -> Option<String> {
    let (program, _) = (program()?, module()?);
    let output = Command::new(program).arg("-v").output().ok()?;
    let output = String::from_utf8(output.stderr).ok()?;
    let nginx = output.trim().rsplit('/').next()?.to_owned();
    let package = Command::new("dpkg-query").args(["-W", "-f", "${Version}", "libnginx-mod-nchan"]).output().ok();
    let package =
        package.and_then(|output| String::from_utf8(output.stdout).ok()).filter(|version| !version.is_empty());
    // Debian writes 1:1.3.6+dfsg-2.
    let nchan = package.as_deref().map_or("", |version| version.rsplit(':').next().unwrap_or(version));
    Some(format!("nchan {} in nginx {nginx}", nchan.split('+').next().unwrap_or(nchan)).replace("  ", " "))
}

pub fn start(dir: &Path) -> anyhow::Result<(Process, SocketAddr)> {
    let address = free_address()?;
    let path = dir.join("nginx.conf");
    std::fs::write(&path, configuration(dir, address)?)?;
    let mut command = Command::new(program().context("no nginx")?);
    command.arg("-p").arg(dir).arg("-c").arg(&path);
    let mut process = Process::start(&mut command, &dir.join("log"))?;
    await_listener(address, &mut process)?;
    Ok((process, address))
}

fn configuration(dir: &Path, address: SocketAddr) -> anyhow::Result<String> {
    let module = module().context("no nchan")?;
    let (module, dir) = (module.display(), dir.display());
    let user = if rustix::process::geteuid().is_root() { "user root;" } else { "" };
    Ok(format!(
        "load_module {module};
         daemon off; {user} worker_processes {WORKERS}; worker_rlimit_nofile 20000;
         pid {dir}/pid; error_log {dir}/log warn;
         events {{ worker_connections {CONNECTIONS}; }}
         http {{
           access_log off; keepalive_timeout 1h; keepalive_requests 1000000000;
           client_body_temp_path {dir}/body; proxy_temp_path {dir}/proxy; fastcgi_temp_path {dir}/fastcgi;
           uwsgi_temp_path {dir}/uwsgi; scgi_temp_path {dir}/scgi;
           server {{
             listen {address} backlog=4096;
             location ~ ^/post/(\\w+)$ {{ nchan_publisher; nchan_channel_id $1; }}
             location ~ ^/rooms/(\\w+)$ {{
               nchan_subscriber eventsource; nchan_channel_id $1; nchan_subscriber_first_message newest;
             }}
           }}
         }}"
    ))
}
