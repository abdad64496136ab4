// Puts numbers into a collection, so that each becomes an object, until it is killed.
public class Boxing {
  static long box(Object[] boxes, long from) {
    for (int i = 0; i < boxes.length; i++) boxes[i] = Long.valueOf(from + i * 7919L);
    return (Long) boxes[17];
  }

  public static void main(String[] a) {
    Object[] boxes = new Object[4096];
    long sum = 0;
    for (long i = 1_000; sum != 1; i++) sum += box(boxes, i);
  }
}
