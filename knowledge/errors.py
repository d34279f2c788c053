"""Errors of the knowledge base. Each message says what happened and what to do.

KnowledgeError
├── KnowledgeUnavailable   the database cannot be reached, or not in time      (exit code 69)
├── SchemaMismatch         the database is older or newer than this program    (exit code 78)
├── IndexMismatch          the embedding model does not fit its index          (exit code 78)
├── EmbeddingUnavailable   the embedding model cannot be reached               (exit code 69)
├── RerankerUnavailable    the reranker cannot be reached                      (exit code 69)
├── UnreadableSource       an export that cannot be opened at all              (exit code 1)
├── BackupFailed           a backup could not be made, or not be put back      (exit code 1)
├── SourceUnavailable      a connected platform does not answer now: try later
└── ChannelUnreadable      a channel that the platform does not show to the bot
"""


class KnowledgeError(Exception):
    """Something in the knowledge base failed."""


class KnowledgeUnavailable(KnowledgeError):
    """The database cannot be reached."""


class SchemaMismatch(KnowledgeError):
    """The database schema does not fit this version of Threadlore."""


class IndexMismatch(KnowledgeError):
    """The embedding model returned vectors that do not fit its index."""


class EmbeddingUnavailable(KnowledgeError):
    """The embedding model cannot be reached."""


class RerankerUnavailable(KnowledgeError):
    """The reranker cannot be reached."""


class UnreadableSource(KnowledgeError):
    """The file cannot be read as an export."""


class BackupFailed(KnowledgeError):
    """A backup could not be made, or not be put back."""


class SourceUnavailable(KnowledgeError):
    """The platform does not answer right now."""


class ChannelUnreadable(KnowledgeError):
    """The platform does not show this channel to the bot."""
