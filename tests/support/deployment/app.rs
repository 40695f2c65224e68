//! A deployment: nodes on one database, and the way to its users.

use std::net::SocketAddr;
use std::time::Duration;

use reqwest::Client;
use serde_json::json;

use super::database::Database;
use super::node::{Addresses, Node};
use crate::support::client::{User, tokens};
use crate::support::proxy::Proxy;

/// A running deployment. Its nodes stop when it is dropped.
pub struct TestApp {
    pub database: Database,
    addresses: Addresses,
    arguments: Vec<String>,
    environment: Vec<(String, String)>,
    http: Client,
    nodes: Vec<Node>,
}

/// Describes a deployment that is to be started.
pub struct Builder {
    nodes: usize,
    arguments: Vec<String>,
    environment: Vec<(String, String)>,
    proxied: bool,
    processes: bool,
    database: Option<Database>,
}

impl Builder {
    /// Sets the number of nodes, one by default.
    pub fn nodes(mut self, nodes: usize) -> Self {
        self.nodes = nodes;
        self
    }

    /// Adds a flag with its value to each node's command line.
    pub fn flag(mut self, name: &str, value: &str) -> Self {
        self.arguments.extend([name.to_owned(), value.to_owned()]);
        self
    }

    /// Sets a variable of the environment of nodes that are processes.
    pub fn env(mut self, name: &str, value: &str) -> Self {
        self.environment.push((name.to_owned(), value.to_owned()));
        self
    }

    /// Puts a proxy between each node and PostgreSQL.
    pub fn proxied(mut self) -> Self {
        self.proxied = true;
        self
    }

    /// Runs the nodes as processes of their own, so that they can be killed.
    pub fn in_processes(mut self) -> Self {
        self.processes = true;
        self
    }

    /// Uses this database instead of a fresh one.
    pub fn database(mut self, database: Database) -> Self {
        self.database = Some(database);
        self
    }

    /// Starts everything and waits until all nodes are ready.
    pub async fn start(self) -> TestApp {
        let database = match self.database {
            Some(database) => database,
            None => Database::migrated().await,
        };
        let mut arguments = vec!["--rate-limits".to_owned(), "off".to_owned()];
        arguments.extend(["--external-jwt-secret".to_owned(), tokens::EXTERNAL_SECRET.to_owned()]);
        arguments.extend(self.arguments);
        let http = Client::builder().no_proxy().build().expect("a client");
        let (addresses, environment) = (Addresses::default(), self.environment);
        let mut app = TestApp { database, addresses, arguments, environment, http, nodes: Vec::new() };
        for _ in 0..self.nodes {
            let (node, address) = if self.processes {
                Node::as_process(&app.arguments, &app.environment, app.database.url()).await
            } else {
                app.node_in_process(self.proxied).await
            };
            app.nodes.push(node);
            app.addresses.push(address);
        }
        app
    }
}

impl TestApp {
    /// Begins to describe a deployment.
    pub fn builder() -> Builder {
        Builder {
            nodes: 1,
            arguments: Vec::new(),
            environment: Vec::new(),
            proxied: false,
            processes: false,
            database: None,
        }
    }

    /// Starts one node on a database of its own.
    pub async fn start() -> Self {
        Self::builder().start().await
    }

    async fn node_in_process(&self, proxied: bool) -> (Node, SocketAddr) {
        let proxy = if proxied { Some(Proxy::start(self.database.url()).await) } else { None };
        let url = proxy.as_ref().map_or_else(|| self.database.url().to_owned(), Proxy::url);
        let mut arguments = vec!["--database-url".to_owned(), url];
        arguments.extend(self.arguments.iter().cloned());
        Node::in_process(&arguments, proxy).await
    }

    /// Registers a user with a password, and logs in on the first node.
    pub async fn user(&self, name: &str) -> User {
        let body = json!({"name": name, "password": User::PASSWORD, "device": "test"});
        let answer = self.anonymous().post("/v1/users", body).await.expect(201);
        self.anonymous().logged_in(&answer)
    }

    /// Creates a guest: a user by an external token, as an app's own backend signs it. Faster than a user with a password,
    /// and without a session.
    pub async fn guest(&self, name: &str) -> User {
        let mut user = self.anonymous();
        user.token = Some(tokens::mint(&tokens::claims(name)));
        let me = user.me().await.expect(200);
        user.id = me["id"].as_str().expect("an id").to_owned();
        user.name = name.to_owned();
        user
    }

    /// Creates several guests.
    pub async fn guests<const N: usize>(&self, names: [&str; N]) -> [User; N] {
        let mut users = Vec::with_capacity(N);
        for name in names {
            users.push(self.guest(name).await);
        }
        users.try_into().unwrap_or_else(|_| unreachable!("one user a name"))
    }

    /// Answers a caller without a token.
    pub fn anonymous(&self) -> User {
        User::anonymous(self.http.clone(), self.addresses.clone())
    }

    /// Answers the proxy between a node and PostgreSQL.
    pub fn proxy(&self, node: usize) -> &Proxy {
        self.nodes[node].proxy.as_ref().expect("the deployment is proxied")
    }

    /// Kills a node with SIGKILL.
    pub async fn kill(&mut self, node: usize) {
        self.nodes[node].kill().await;
    }

    /// Starts a killed node again, on another port.
    pub async fn restart(&mut self, node: usize) {
        let (fresh, address) = Node::as_process(&self.arguments, &self.environment, self.database.url()).await;
        self.nodes[node] = fresh;
        self.addresses.replace(node, address);
    }

    /// Asks a node to drain; returns at once.
    pub fn drain(&self, node: usize) {
        self.nodes[node].drain();
    }

    /// Stops a node and waits until it has drained.
    pub async fn stop(&mut self, node: usize) {
        self.nodes[node].stop().await;
    }

    /// Opens a connection to the database that passes no proxy.
    pub async fn sql(&self) -> tokio_postgres::Client {
        self.database.client().await
    }
}

/// How long a test waits for something that normally happens at once, on a busy machine.
pub const SOON: Duration = Duration::from_secs(30);
