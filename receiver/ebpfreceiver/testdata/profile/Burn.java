public class Burn {
  static long sink;
  static void burnInJava(long n) { for (long i = 0; i < n; i++) sink = sink * 6364136223846793005L + i; }
  public static void main(String[] a) { while (true) burnInJava(1 << 24); }
}
