// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package profilerules

func hashing() Rule {
	return Rule{
		ID: "hashing", Title: "Hashing and encryption", Applies: CPU,
		Threshold: 0.05, Source: "Kanev et al. 2015",
		Explanation: "The CPU computes hashes, signatures or ciphers.",
		Advice: "Hash once and cache the result, use a hash that is not cryptographic where no attacker is involved, lower the " +
			"cost of password hashes only as far as policy allows.",
		Frames: []Frames{
			{Language: Go, Functions: []string{
				"crypto/sha*", "crypto/md5.*", "crypto/aes.*", "crypto/hmac.*", "crypto/rsa.*", "crypto/ecdsa.*",
				"crypto/cipher.*", "crypto/internal/*", "hash/*", "golang.org/x/crypto/bcrypt.*",
				"golang.org/x/crypto/argon2.*", "golang.org/x/crypto/scrypt.*", "golang.org/x/crypto/pbkdf2.*",
				"golang.org/x/crypto/blake2*", "golang.org/x/crypto/chacha20*",
			}},
			{Language: Java, Functions: []string{
				"sun.security.provider.*", "com.sun.crypto.provider.*", "javax.crypto.Cipher.*", "javax.crypto.Mac.*",
				"java.security.MessageDigest.*",
			}},
			{Language: Python, Files: []string{"hashlib.py", "hmac.py"}},
			{Language: Native, Functions: []string{
				"EVP_*", "SHA*_Update", "sha*_block_data_order*", "MD5_Update", "md5_block_*", "aesni_*", "aes_gcm_*",
				"bcrypt_*", "argon2*", "blake2*",
			}},
		},
	}
}
