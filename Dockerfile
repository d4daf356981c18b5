FROM node:22-bookworm-slim AS assets
WORKDIR /src/web_console
COPY web_console/package.json web_console/package-lock.json ./
RUN npm ci --ignore-scripts

FROM python:3.12-slim-bookworm
RUN apt-get update && apt-get install -y --no-install-recommends procps && rm -rf /var/lib/apt/lists/* \
    && pip install --no-cache-dir uv==0.13.9 && useradd --create-home --uid 10001 qixun
WORKDIR /app
COPY . .
COPY --from=assets /src/web_console/node_modules web_console/node_modules
RUN uv sync --frozen --no-default-groups --group cards --group demo && .venv/bin/python -m qixun.assets \
    && uv sync --frozen --no-default-groups --group cards && rm -rf web_console/node_modules && mkdir /data && chown qixun /data
USER qixun
ENV PATH=/app/.venv/bin:$PATH
EXPOSE 8000
VOLUME /data
CMD ["qixun", "serve"]
