import java.util.ArrayList;

public class Garbage {
  public static void main(String[] a) {
    ArrayList<byte[]> kept = new ArrayList<>();
    for (long i = 0; ; i++) {
      byte[] one = new byte[1024];
      if (kept.size() < 20000) kept.add(one);
      else kept.set((int) (i * 7919 % kept.size()), one);
    }
  }
}
