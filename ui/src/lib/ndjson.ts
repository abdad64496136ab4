// Streams of JSON lines, as the gateway writes them: {"result": …} or {"error": …}.

/** Hands over each message of a stream until it ends; an error in the stream is thrown with the gateway's text. */
export async function readLines<T>(response: Response, each: (message: T) => void): Promise<void> {
  const reader = response.body!.pipeThrough(new TextDecoderStream()).getReader();
  let rest = '';
  for (;;) {
    const { done, value } = await reader.read();
    rest += value ?? '';
    const parts = rest.split('\n');
    rest = parts.pop() ?? '';
    for (const part of parts) if (part.trim()) each(unwrap<T>(part));
    if (done) {
      if (rest.trim()) each(unwrap<T>(rest));
      return;
    }
  }
}

function unwrap<T>(line: string): T {
  const message = JSON.parse(line) as { result?: T; error?: { message?: string } };
  if (message.error) throw new Error(message.error.message ?? 'the stream failed');
  return message.result as T;
}

/** The server's reason for an answer other than 2xx. */
export async function reason(response: Response): Promise<string> {
  const text = await response.text();
  try {
    return (JSON.parse(text) as { message?: string }).message ?? text;
  } catch {
    return text || response.statusText;
  }
}
