import java.util.HashMap;

// Counts in a map, so that each number becomes an object, until it is killed.
public class Boxing {
  static long count(HashMap<Long, Long> counts, long from) {
    for (long i = 0; i < 100_000; i++) counts.merge((from + i * 7919) % 20_000, 1_000L + i, Long::sum);
    return counts.get(17L);
  }

  public static void main(String[] a) {
    HashMap<Long, Long> counts = new HashMap<>();
    long sum = 0;
    for (long i = 0; sum != 1; i++) sum += count(counts, i);
  }
}
