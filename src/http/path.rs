use super::problem::Problem;
use crate::domain::Error;
use axum::extract::{FromRequestParts, RawPathParams};
use hyper::http::request::Parts;

/// The parameter of a path. What cannot be one does not exist: 404.
pub struct PathParam<T>(pub T);

/// The two parameters of a path.
pub struct PathParams<A, B>(pub A, pub B);

/// What a path can name.
pub trait Named: Sized {
    /// Reads it.
    fn read(text: &str) -> Option<Self>;
}

macro_rules! named {
    ($($name:ident),*) => {$(
        impl Named for crate::ids::$name {
            fn read(text: &str) -> Option<Self> {
                Self::parse(text)
            }
        }
    )*};
}

named!(ConversationId, MessageId, SessionId, WebhookId);

impl Named for String {
    fn read(text: &str) -> Option<Self> {
        (!text.contains('\0')).then(|| text.to_owned())
    }
}

async fn texts(parts: &mut Parts) -> Result<Vec<String>, Problem> {
    let params = RawPathParams::from_request_parts(parts, &()).await.map_err(|_| Problem::from(Error::NotFound))?;
    Ok(params.iter().map(|(_, text)| text.to_owned()).collect())
}

fn read<T: Named>(texts: &[String], index: usize) -> Result<T, Problem> {
    texts.get(index).and_then(|text| T::read(text)).ok_or_else(|| Error::NotFound.into())
}

impl<T: Named, S: Sync> FromRequestParts<S> for PathParam<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        read(&texts(parts).await?, 0).map(Self)
    }
}

impl<A: Named, B: Named, S: Sync> FromRequestParts<S> for PathParams<A, B> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        let texts = texts(parts).await?;
        Ok(Self(read(&texts, 0)?, read(&texts, 1)?))
    }
}
