/* to come */
typedef int kernels_to_come;
