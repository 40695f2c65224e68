//! Parameters of paths.

use crate::domain::Error;
use crate::http::respond::problem::Problem;
use axum::extract::{FromRequestParts, RawPathParams};
use hyper::http::request::Parts;

/// The parameter of a path. A value that cannot be read names nothing that exists: 404.
pub struct PathParam<T>(pub T);

/// The two parameters of a path.
pub struct PathParams<A, B>(pub A, pub B);

/// A value of a path parameter.
pub trait PathValue: Sized {
    /// Reads it.
    fn read(text: &str) -> Option<Self>;
}

macro_rules! path_value {
    ($($name:ident),*) => {$(
        impl PathValue for crate::ids::$name {
            fn read(text: &str) -> Option<Self> {
                Self::parse(text)
            }
        }
    )*};
}

path_value!(AttachmentId, ConversationId, MessageId, SessionId, WebhookId);

impl PathValue for String {
    fn read(text: &str) -> Option<Self> {
        (!text.contains('\0')).then(|| text.to_owned())
    }
}

async fn texts(parts: &mut Parts) -> Result<Vec<String>, Problem> {
    let params = RawPathParams::from_request_parts(parts, &()).await.map_err(|_| Problem::from(Error::NotFound))?;
    Ok(params.iter().map(|(_, text)| text.to_owned()).collect())
}

fn read<T: PathValue>(texts: &[String], index: usize) -> Result<T, Problem> {
    texts.get(index).and_then(|text| T::read(text)).ok_or_else(|| Error::NotFound.into())
}

impl<T: PathValue, S: Sync> FromRequestParts<S> for PathParam<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        read(&texts(parts).await?, 0).map(Self)
    }
}

impl<A: PathValue, B: PathValue, S: Sync> FromRequestParts<S> for PathParams<A, B> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        let texts = texts(parts).await?;
        Ok(Self(read(&texts, 0)?, read(&texts, 1)?))
    }
}
