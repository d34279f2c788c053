"""Settings: one frozen model per subsystem, read once from the environment and `.env`."""

from math import inf
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal, Self
from urllib.parse import urlsplit

from limits import parse_many
from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    SecretStr,
    ValidationError,
    ValidationInfo,
    field_validator,
    model_validator,
)
from pydantic_settings import BaseSettings, SettingsConfigDict

from bot.adapter_names import is_adapter_name
from bot.errors import BadConfiguration
from knowledge.addresses import fault_in_postgresql, fault_in_redis

if TYPE_CHECKING:
    from pydantic_core import ErrorDetails


class Section(BaseModel):
    """A group of settings. A name that is not known is refused: it is a slip of the pen."""

    model_config = ConfigDict(frozen=True, extra="forbid", str_strip_whitespace=True)


def _is_token(value: SecretStr) -> SecretStr:
    """It travels in a header: whatever else it holds, a client refuses to send it, and quotes it."""
    text = value.get_secret_value()
    if not (text.isascii() and text.isprintable()):
        raise ValueError("must be one line of plain letters, figures and signs")
    return value


def _holds_no_password(value: str | None) -> str | None:
    """The address of a model is shown and stored, so that the model is found again."""
    if value is not None and "@" in urlsplit(value).netloc:
        raise ValueError("must hold no user and no password; a key goes into api_key")
    return value


Token = Annotated[SecretStr, AfterValidator(_is_token)]
CacheType = Literal["f32", "f16", "q8_0", "q4_0"]
ModelUrl = Annotated[str | None, AfterValidator(_holds_no_password)]


class DatabaseSettings(Section):
    """PostgreSQL with pgvector."""

    url: SecretStr | None = Field(
        default=None, description="Address of the database; without it the embedded one is used."
    )

    @field_validator("url")
    @classmethod
    def _is_postgresql(cls, value: SecretStr | None) -> SecretStr | None:
        if value is not None and (fault := fault_in_postgresql(value.get_secret_value())):
            raise ValueError(fault)
        return value

    pool_size: int = Field(default=8, ge=2, le=100, description="Most connections this process opens.")


class RedisSettings(Section):
    """Redis, for conversation memory and limits."""

    url: SecretStr | None = Field(default=None, description="Address of Redis; without it the embedded one is used.")

    @field_validator("url")
    @classmethod
    def _is_redis(cls, value: SecretStr | None) -> SecretStr | None:
        if value is not None and (fault := fault_in_redis(value.get_secret_value())):
            raise ValueError(fault)
        return value


class LoraSettings(Section):
    """A LoRA adapter beside the model: a GGUF file here; on a server, a model of that name."""

    name: str
    path: Path | None = None
    scale: float = Field(default=1.0, gt=0, le=10)

    @field_validator("name")
    @classmethod
    def _is_a_name(cls, value: str) -> str:
        if not is_adapter_name(value):
            raise ValueError(
                "must be at most 32 small letters, figures, dots, hyphens and underscores, and not be default"
            )
        return value


class ModelSettings(Section):
    """The language model that writes answers: a GGUF file here, or an OpenAI-compatible server."""

    path: Path | None = Field(
        default=None, description="GGUF file; without it and without a URL the small default model is used."
    )
    url: ModelUrl = Field(default=None, description="OpenAI-compatible server, for example http://127.0.0.1:8080/v1.")
    sha256: str | None = Field(
        default=None, pattern="^[0-9a-fA-F]{64}$", description="Checksum that the file must have to be loaded."
    )
    name: str | None = Field(default=None, description="Name of the model on that server.")
    api_key: Token | None = Field(default=None, description="Key for that server, if it wants one.")
    gpu_layers: int = Field(default=-1, ge=-1, description="Layers on the GPU; -1: all, where the build can offload.")
    context: int = Field(default=4096, ge=512, le=1_048_576, description="Context window in tokens.")
    split_mode: Literal["layer", "row", "none"] = Field(
        default="layer", description="How several GPUs share the model: by layers, by rows, or not at all."
    )
    main_gpu: int = Field(default=0, ge=0, le=63, description="The GPU that is used alone with split mode none.")
    tensor_split: str = Field(
        default="", description="Shares of several GPUs, such as `3,1`; without it, as they have memory."
    )
    threads: int | None = Field(default=None, ge=1, le=512, description="Most CPU threads; without it, one per core.")
    writing_threads: int | None = Field(
        default=None,
        ge=1,
        le=512,
        description="Most CPU threads while an answer is written; without it as for reading, and 4 for a small model.",
    )
    batch: int | None = Field(
        default=None,
        ge=16,
        le=8192,
        description="Tokens of prompts read in one step; without it as many as are read in a second, at most 256 on a "
        "CPU and 512 on a GPU.",
    )
    flash_attention: Literal["auto", "on", "off"] = Field(
        default="auto", description="auto: where llama.cpp takes it; on or off."
    )
    cache_type_k: CacheType = Field(
        default="f16", description="How the keys of the context are kept: f32, f16, q8_0 or q4_0."
    )
    cache_type_v: CacheType = Field(
        default="f16", description="The same for the values; q8_0 and q4_0 need flash attention, and auto takes it."
    )
    max_tokens: int = Field(default=96, ge=8, le=8192, description="Longest answer in tokens.")
    temperature: float = Field(default=0.0, ge=0, le=2, description="0: always the likeliest word.")
    parallel: int | None = Field(
        default=None,
        ge=1,
        le=256,
        description="Questions answered at once; others wait their turn. Without it 4 on a GPU or a server and 2 on a "
        "CPU, or fewer where their contexts would take more than a quarter of the free memory: of 4096 tokens, "
        "94 MB each with the small default model, about 600 MB each with one of 8 B.",
    )
    cells: int = Field(
        default=0,
        ge=0,
        description="Tokens that all questions answered at once may have together, to save memory; when they are used "
        "up, the youngest waits. 0: each has a context of its own, which is faster on a CPU.",
    )
    rpc: str = Field(
        default="",
        pattern=r"^$|^[\w.-]+:\d+(\s*,\s*[\w.-]+:\d+)*$",
        description="Devices on other machines: host:port of llama.cpp's RPC servers, with commas. Layers and what is "
        "computed on them travel there unencrypted.",
    )
    lookup: int = Field(
        default=15,
        ge=0,
        le=15,
        description="Most tokens of an answer guessed at a time where it repeats its sources; 0: none. Faster, and "
        "another word is chosen only where two are all but equally likely.",
    )
    prompt_tokens: int | None = Field(
        default=None,
        ge=256,
        description="Longest prompt in tokens; without it, what is read within "
        "`THREADLORE_ANSWER__FIRST_TOKEN_SECONDS`, and 3000 on a server.",
    )
    lora: tuple[LoraSettings, ...] = Field(
        default=(),
        description="LoRA adapters that a channel can choose, as JSON: "
        '`[{"name": "…", "path": "….gguf", "scale": 1.0}]`; on a server only the name, which is that of a model there.',
    )

    @field_validator("lora")
    @classmethod
    def _are_adapters(cls, value: tuple[LoraSettings, ...], info: ValidationInfo) -> tuple[LoraSettings, ...]:
        names = [one.name for one in value]
        if twice := next((name for name in names if names.count(name) > 1), None):
            raise ValueError(f"the adapter {twice} is there twice")
        for one in value:
            if info.data.get("url") is None and one.path is None:
                raise ValueError(f"the adapter {one.name} needs a path, to a GGUF file")
            if info.data.get("url") is not None and (one.path is not None or one.scale != 1.0):
                raise ValueError(f"the adapter {one.name} is a model of the server: leave its path and scale out")
        return value

    @field_validator("tensor_split")
    @classmethod
    def _is_shares(cls, value: str) -> str:
        try:
            shares = [float(one) for one in value.split(",")] if value else []
        except ValueError:
            shares = [-1.0]
        if any(not 0 <= one < inf for one in shares) or (shares and not any(shares)):
            raise ValueError("must be numbers with commas between, such as 3,1")
        return value

    @model_validator(mode="after")
    def _has_the_attention_it_needs(self) -> Self:
        if self.flash_attention == "off" and self.cache_type_v in {"q8_0", "q4_0"}:
            raise ValueError(f"cache_type_v {self.cache_type_v} needs flash attention: set flash_attention to auto")
        return self


class EmbeddingSettings(Section):
    """The model that turns texts into vectors: a GGUF file here, or an OpenAI-compatible server."""

    path: Path | None = Field(
        default=None, description="GGUF file; without it and without a URL multilingual-e5-small is used."
    )
    url: ModelUrl = Field(default=None, description="OpenAI-compatible server.")
    name: str | None = Field(default=None, description="Name of the model; with a new name a new index is built.")
    api_key: Token | None = Field(default=None, description="Key for that server, if it wants one.")
    dimension: int | None = Field(
        default=None, ge=1, le=4000, description="Length of the vectors; found out when not given."
    )
    gpu_layers: int = Field(default=-1, ge=-1, description="Layers on the GPU; -1: all, where the build can offload.")
    context: int = Field(
        default=512, ge=64, le=131_072, description="Longest text in tokens; the rest of it is not embedded."
    )
    threads: int | None = Field(default=None, ge=1, le=512, description="CPU threads; without it, one per core.")
    query_prefix: str | None = Field(
        default=None, description="Put before a question; without it, what the model expects."
    )
    passage_prefix: str | None = Field(
        default=None, description="Put before a passage; without it, what the model expects."
    )


class RerankSettings(Section):
    """A model that reads a question and a passage together and says how they fit: a GGUF file, or none."""

    path: Path | None = Field(
        default=None, description="GGUF file of a reranker; without it search orders passages by itself."
    )
    candidates: int = Field(default=20, ge=2, le=60, description="The best passages of a search that it reads.")
    gpu_layers: int = Field(default=-1, ge=-1, description="Layers on the GPU; -1: all, where the build can offload.")
    threads: int | None = Field(default=None, ge=1, le=512, description="CPU threads; without it, one per core.")


class MemorySettings(Section):
    """Conversation memory in Redis."""

    ttl_seconds: int = Field(
        default=7 * 24 * 3600, ge=60, description="A conversation is forgotten after this silence."
    )
    max_turns: int = Field(default=6, ge=0, le=50, description="Questions remembered in one conversation.")
    max_chars: int = Field(default=8000, ge=0, description="Characters remembered in one conversation.")


class KnowledgeSettings(Section):
    """What is kept of what was said."""

    keep_days: int = Field(
        default=0, ge=0, le=36_500, description="Messages are forgotten so many days after they were posted; 0: never."
    )


class AnswerSettings(Section):
    """When to answer, and from how much."""

    passages: int = Field(default=8, ge=1, le=50, description="Passages retrieved for one question.")
    decline_below: float = Field(
        default=0.35, ge=0, le=1, description="Say that nothing was found below this likelihood."
    )
    warn_below: float = Field(default=0.6, ge=0, le=1, description="Answer with a warning below this likelihood.")
    first_token_seconds: float = Field(
        default=1.5,
        ge=0.1,
        le=120,
        description="Seconds that a model here may read before its first word: so long are prompts.",
    )


class LimitSettings(Section):
    """How much may be asked on the platforms. One who only asks does not notice; one who floods does."""

    user: str = Field(
        default="20/minute; 500/day", description="Questions and orders of one person; several limits by `;`, or off."
    )
    channel: str = Field(default="100/minute", description="Questions in one channel; or off.")
    workspace: str = Field(default="300/minute", description="Questions and orders in one workspace; or off.")

    @field_validator("user", "channel", "workspace")
    @classmethod
    def _is_a_limit(cls, value: str) -> str:
        if value and value.lower() != "off":
            try:
                limits = parse_many(value)
            except ValueError:
                limits = []
            if not limits or any(limit.amount < 1 for limit in limits):
                raise ValueError("must look like 20/minute, or like 20/minute; 500/day, or be off")
        return value


class SlackWorkspaceSettings(Section):
    """One more Slack workspace, with an app of its own."""

    bot_token: Token
    app_token: Token | None = None
    signing_secret: Token | None = None
    admins: str = ""


class SlackSettings(Section):
    """A Slack workspace: the tokens of the app that it installed for itself."""

    bot_token: Token | None = Field(default=None, description="Bot token, xoxb-…; without it Slack is off.")
    app_token: Token | None = Field(default=None, description="App-level token, xapp-…, for Socket Mode.")
    signing_secret: Token | None = Field(default=None, description="Signing secret, for the HTTP Events API.")
    mode: Literal["socket", "http"] = Field(
        default="socket", description="socket: the bot calls Slack; http: Slack calls the bot at /slack/events."
    )
    sockets: int = Field(default=2, ge=1, le=10, description="Open sockets; a second one bridges Slack's refreshes.")
    workspaces: tuple[SlackWorkspaceSettings, ...] = Field(
        default=(),
        description='More workspaces, as JSON: `[{"bot_token": "…", "app_token": "…", "signing_secret": "…"}]`.',
    )
    admins: str = Field(
        default="", description="Ids of people, by commas, who may give admin orders beside the workspace's admins."
    )
    answer_bots: bool = Field(default=True, description="Answer other bots too, three times a thread at most.")
    files: bool = Field(default=False, description="Read attached text files and PDFs; needs the scope files:read.")
    streaming: Literal["auto", "off"] = Field(
        default="auto", description="auto: stream where Slack can; off: edit the message instead."
    )
    api_url: str = Field(default="https://slack.com/api/", description="Another server that speaks Slack's API.")

    @field_validator("api_url")
    @classmethod
    def _is_safe(cls, value: str) -> str:
        return _address(value, "https", "http")

    @model_validator(mode="after")
    def _has_what_its_mode_needs(self) -> Self:
        apps: list[SlackSettings | SlackWorkspaceSettings] = [*([self] if self.bot_token else []), *self.workspaces]
        for one in apps:
            if self.mode == "socket" and one.app_token is None:
                raise ValueError("Socket Mode needs app_token (xapp-…, scope connections:write); or set mode to http")
            if self.mode == "http" and one.signing_secret is None:
                raise ValueError("the HTTP Events API needs signing_secret (Basic Information of the app)")
        return self


class DiscordSettings(Section):
    """The Discord bot: one token for every guild that it was invited to."""

    token: Token | None = Field(default=None, description="Bot token; without it Discord is off.")
    admins: str = Field(
        default="", description="Ids of people, by commas, who may give admin orders beside those who manage the guild."
    )
    answer_bots: bool = Field(default=True, description="Answer other bots too, three times a thread at most.")
    files: bool = Field(default=False, description="Read attached text files and PDFs.")
    shards: int = Field(default=0, ge=0, description="Connections to share the guilds among; 0: a single one.")
    api_url: str = Field(
        default="https://discord.com/api/v10/", description="Another server that speaks Discord's REST API."
    )
    gateway_url: str = Field(
        default="wss://gateway.discord.gg/", description="Another server that speaks Discord's gateway."
    )

    @field_validator("api_url")
    @classmethod
    def _is_safe(cls, value: str) -> str:
        return _address(value, "https", "http")

    @field_validator("gateway_url")
    @classmethod
    def _is_safe_gateway(cls, value: str) -> str:
        return _address(value, "wss", "ws")


class HttpSettings(Section):
    """The bot's own web server: health, metrics, and Slack's HTTP events."""

    host: str = Field(default="127.0.0.1", description="Address to listen on.")
    port: int | None = Field(
        default=None, ge=0, le=65535, description="Port to listen on; without it 8080, or none where that is taken."
    )


class Settings(BaseSettings):
    """Everything that can be set, as THREADLORE_SECTION__NAME in the environment or in `.env`."""

    model_config = SettingsConfigDict(
        env_prefix="THREADLORE_",
        env_nested_delimiter="__",
        env_file=".env",
        env_ignore_empty=True,
        extra="ignore",
        frozen=True,
    )

    home: Path | None = Field(default=None, description="Where embedded servers and models keep their data.")
    log_level: str = Field(
        default="WARNING", pattern="^(DEBUG|INFO|WARNING|ERROR)$", description="DEBUG, INFO, WARNING or ERROR."
    )
    database: DatabaseSettings = DatabaseSettings()
    redis: RedisSettings = RedisSettings()
    model: ModelSettings = ModelSettings()
    embedding: EmbeddingSettings = EmbeddingSettings()
    rerank: RerankSettings = RerankSettings()
    memory: MemorySettings = MemorySettings()
    knowledge: KnowledgeSettings = KnowledgeSettings()
    answer: AnswerSettings = AnswerSettings()
    limits: LimitSettings = LimitSettings()
    slack: SlackSettings = SlackSettings()
    discord: DiscordSettings = DiscordSettings()
    http: HttpSettings = HttpSettings()


def secret(value: SecretStr | None) -> str | None:
    """A secret in plain words, for whoever must hand it over."""
    return value.get_secret_value() if value is not None else None


def load_settings() -> Settings:
    """Reads the settings. Errors: `BadConfiguration` naming each setting that cannot be right."""
    try:
        return Settings()
    except ValidationError as error:
        raise BadConfiguration(
            "; ".join(f"{_variable(problem['loc'])}: {_complaint(problem)}" for problem in error.errors())
        ) from None
    except ValueError as error:
        raise BadConfiguration(f"The settings cannot be read: {error}") from error


def _complaint(problem: "ErrorDetails") -> str:
    if problem["type"] == "extra_forbidden":
        return "there is no such setting; README lists them all"
    return problem["msg"].removeprefix("Value error, ")


def _variable(place: tuple[int | str, ...]) -> str:
    return "THREADLORE_" + "__".join(str(part).upper() for part in place)


def _address(value: str, secure: str, plain: str) -> str:
    """A platform's address with a slash at the end; unencrypted only on this machine, because tokens travel along."""
    url = urlsplit(value)
    if url.scheme not in {secure, plain} or not url.hostname:
        raise ValueError(f"must be an address that begins with {secure}://")
    if url.scheme == plain and url.hostname not in {"127.0.0.1", "localhost", "::1"}:
        raise ValueError(
            f"must begin with {secure}://, because tokens travel along; {plain}:// is for this machine only"
        )
    return value if value.endswith("/") else f"{value}/"


def settings_table() -> str:
    """The settings as a Markdown table for the README."""
    rows = ["| setting | default | meaning |", "|---|---|---|"]
    for name, field in Settings.model_fields.items():
        default = field.default
        if isinstance(default, Section):
            rows += [
                f"| `THREADLORE_{name.upper()}__{key.upper()}` | {_shown(one.default)} | {one.description} |"
                for key, one in type(default).model_fields.items()
            ]
        else:
            rows.append(f"| `THREADLORE_{name.upper()}` | {_shown(default)} | {field.description} |")
    return "\n".join(rows) + "\n"


def _shown(default: object) -> str:
    return "" if default in {None, "", ()} else f"`{default}`"
