volatile int sink;

__attribute__((noinline)) static void named_by_debug_file(void)
{
	sink++;
}

int main(void)
{
	named_by_debug_file();
	return 0;
}
