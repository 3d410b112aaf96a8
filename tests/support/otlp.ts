/** An OTLP receiver inside the test, which collects the spans that real processes export. */
export interface CollectedSpan {
  readonly service: string;
  readonly traceId: string;
  readonly spanId: string;
  readonly parentSpanId: string;
  readonly name: string;
  /** OTLP numbers: 1 internal, 2 server, 3 client, 4 producer, 5 consumer. */
  readonly kind: number;
  readonly attributes: Readonly<Record<string, unknown>>;
  readonly links: readonly { readonly traceId: string; readonly spanId: string }[];
  /** 2 is an error. */
  readonly status: number;
}

export interface OtlpReceiver extends AsyncDisposable {
  /** The environment that makes a process export to this receiver. */
  readonly env: Readonly<Record<string, string>>;
  /** Every span so far, in order of arrival. */
  readonly spans: readonly CollectedSpan[];
  /** Everything received, as text, to search it for what it must not contain. */
  raw(): string;
}

interface OtlpValue {
  stringValue?: string;
  intValue?: string | number;
  boolValue?: boolean;
  doubleValue?: number;
  arrayValue?: unknown;
}
interface OtlpSpan {
  traceId: string;
  spanId: string;
  parentSpanId?: string;
  name: string;
  kind: number;
  attributes?: { key: string; value: OtlpValue }[];
  links?: { traceId: string; spanId: string }[];
  status?: { code?: number };
}
interface OtlpRequest {
  resourceSpans?: {
    resource?: { attributes?: { key: string; value: OtlpValue }[] };
    scopeSpans?: { spans?: OtlpSpan[] }[];
  }[];
}

export function startOtlpReceiver(): OtlpReceiver {
  const spans: CollectedSpan[] = [];
  let raw = "";
  const server = Deno.serve({ hostname: "127.0.0.1", port: 0, onListen() {} }, async (request) => {
    const body = await request.text();
    raw += body;
    if (new URL(request.url).pathname === "/v1/traces") spans.push(...read(JSON.parse(body)));
    return new Response("{}", { headers: { "content-type": "application/json" } });
  });
  return {
    env: {
      OTEL_EXPORTER_OTLP_ENDPOINT: `http://127.0.0.1:${server.addr.port}`,
    },
    spans,
    raw: () => raw,
    [Symbol.asyncDispose]: () => server.shutdown(),
  };
}

function* read(request: OtlpRequest): Generator<CollectedSpan> {
  for (const { resource, scopeSpans } of request.resourceSpans ?? []) {
    const service = String(fields(resource?.attributes)["service.name"] ?? "");
    for (const span of (scopeSpans ?? []).flatMap(({ spans }) => spans ?? [])) {
      yield {
        service,
        traceId: span.traceId,
        spanId: span.spanId,
        parentSpanId: span.parentSpanId ?? "",
        name: span.name,
        kind: span.kind,
        attributes: fields(span.attributes),
        links: span.links ?? [],
        status: span.status?.code ?? 0,
      };
    }
  }
}

function fields(attributes: readonly { key: string; value: OtlpValue }[] = []): Record<string, unknown> {
  return Object.fromEntries(attributes.map(({ key, value }) => [key, Object.values(value)[0]]));
}
