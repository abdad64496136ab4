import { describe, expect, it } from 'vitest';
import { matchers, seriesName } from './promnames';

describe('the Prometheus name of a histogram', () => {
  const names = ['http_server_request_duration_seconds_bucket', 'http_server_request_duration_seconds_by_route_bucket', 'queue_size_bucket', 'queue_size_bytes_bucket', 'tapio_syscall_duration_seconds'];
  it('has the unit behind that of the metric', () => {
    expect(seriesName('http.server.request.duration', names, '_bucket')).toBe('http_server_request_duration_seconds_bucket');
    expect(seriesName('queue.size', names, '_bucket')).toBe('queue_size_bucket');
    expect(seriesName('tapio.syscall.duration', names, '')).toBe('tapio_syscall_duration_seconds');
    expect(seriesName('http.server', names, '_bucket')).toBeUndefined();
  });
});

describe('conditions in PromQL', () => {
  it('are matchers of labels, those of services of the job', () => {
    const is = (key: string, operator: string, value?: string) => ({ key, operator, values: value === undefined ? [] : [value] });
    expect(matchers([is('http.route', '=', '/a"b'), is('k8s.pod.name', '!exists'), is('service', '!=', 'a.b'), is('x', '>', '3')], ['cart', 'pay+'])).toBe(
      'http_route="/a\\"b",k8s_pod_name="",job!~"(?:.*/)?a\\\\.b",job=~"(?:.*/)?(?:cart|pay\\\\+)"');
  });
});
