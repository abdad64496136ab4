/** A line of a chart: times in milliseconds since the epoch. */
export interface Line {
  name: string;
  times: number[];
  values: number[];
}
