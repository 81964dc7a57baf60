// What a service tells at `/metrics`, as tests read it.

export async function metricsOf({ url }: { readonly url: string }): Promise<string> {
  return (await fetch(`${url}/metrics`)).text();
}

/** The figure of a series, which is named as it stands there, with its labels; NaN of one that is not told. */
export async function figureOf(service: { readonly url: string }, series: string): Promise<number> {
  const lines = (await metricsOf(service)).split('\n');
  return Number(lines.find((line) => line.startsWith(`${series} `))?.slice(series.length) ?? Number.NaN);
}
